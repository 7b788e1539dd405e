import { after, before, describe } from "node:test";
import { enrolment } from "./enrolment.js";
import { interruptions } from "./interruptions.js";
import { World } from "./support/world.js";

describe("in Chromium: arrival", { timeout: 240_000 }, () => {
  let world: World;
  before(async () => {
    world = await World.start();
  });
  after(() => world.stop());

  enrolment(() => world);
  interruptions(() => world);
});
