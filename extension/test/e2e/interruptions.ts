// The worker dies before every step, and the certificate arrives all the same. What the world looks like
// after a step is what it looks like before the next one.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Step } from "./support/steps.js";
import { until } from "./support/process.js";
import type { Stage, World } from "./support/world.js";

const USER = "wifi-user";
const label = (step: Step) => `${step.when} ${step.name}`;

/** Here a key is given away and nobody has written down what for. ChromeOS offers no way out. */
const LOSES_A_KEY = `before write profile/${USER}`;

/** A worker's death at every step. */
export function interruptions(world: () => World): void {
  describe("a worker that dies", () => {
    let stage: Stage;
    before(async () => {
      stage = await world().stage({
        servers: [world().service.url],
        profiles: [{ name: USER, scope: "user" }],
      });
    });
    after(() => stage.stop());

    /** The steps of one undisturbed look. */
    async function undisturbed(): Promise<string[]> {
      await stage.scene();
      await stage.look();
      await until("the end of the look", async () =>
        world().steps.taken.some((step) => label(step) === "after write checked"),
      );
      const steps = world().steps.taken.map(label);
      return steps.slice(0, steps.indexOf("after write checked")).filter((step) => step.startsWith("before"));
    }

    test("at every step of the first enrolment, and goes on where it was", async () => {
      const steps = await undisturbed();
      for (const needed of ["v1/challenges", "challengeKey", "v1/certificates", "importCertificate"]) {
        assert.ok(steps.includes(`before ${needed}`), needed);
      }
      for (let index = 0; index < steps.length; index += 1) await dies(steps, index);
    });

    async function dies(steps: string[], index: number): Promise<void> {
      await stage.scene();
      let seen = 0;
      let struck = false;
      world().steps.judge = (step) => {
        if (struck || label(step) !== steps[index]) return "go";
        const nth = steps.slice(0, index + 1).filter((other) => other === steps[index]).length;
        seen += 1;
        if (seen < nth) return "go";
        struck = true;
        return "hold";
      };
      const at = `${index}: ${steps[index]}`;
      await stage.look();
      await until(`the worker at ${at}`, async () => world().steps.holds);
      await stage.browser.kill();
      world().steps.drop();
      await stage.look();
      const card = await stage.good(USER).catch((error: unknown) => assert.fail(`${at}: ${String(error)}`));
      const held = await stage.chromebook.certificates("user");
      assert.equal(held.length, 1, `${at}: one certificate`);
      const keys = await stage.chromebook.keys("user");
      const lost = index === steps.indexOf(LOSES_A_KEY);
      assert.equal(keys, lost ? 2 : 1, `${at}: ${keys} keys`);
      assert.match(card.number, /^[0-9A-Z]{8}$/, at);
    }
  });
}
