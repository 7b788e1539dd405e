import { after, before, describe } from "node:test";
import { administration } from "./administration.js";
import { shipped } from "./package.js";
import { World } from "./support/world.js";

describe("in Chromium: administration", { timeout: 240_000 }, () => {
  let world: World;
  before(async () => {
    world = await World.start();
  });
  after(() => world.stop());

  administration(() => world);
  shipped(() => world);
});
