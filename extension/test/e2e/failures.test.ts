import { after, before, describe } from "node:test";
import { failures } from "./failures.js";
import { World } from "./support/world.js";

describe("in Chromium: failures", { timeout: 240_000 }, () => {
  let world: World;
  before(async () => {
    world = await World.start();
  });
  after(() => world.stop());

  failures(() => world);
});
