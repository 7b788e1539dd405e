// The service worker: what wakes it, and one look after the other.

import { Look, about, type Outcome, type World } from "./look.js";
import { chromebook } from "./chromeos.js";
import { readConfiguration, type Configuration } from "./configuration.js";
import { Journal } from "./journal.js";
import { blank, browserStore } from "./memory.js";
import { tell, notice } from "./notice.js";
import type { Request } from "./request.js";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
/** Chrome wakes nobody sooner. */
const ALARM_MIN = 30 * SECOND;
/** Shorter waits are waited for here: an idle worker lives thirty seconds. */
const TIMER_MAX = 25 * SECOND;
/** And a look is never followed by the next one at once, whatever is wrong. */
const TIMER_MIN = SECOND / 2;
/** A look at least this often, spread: policies, tokens and clocks change without an event. */
const LOOK_AGAIN = { least: 3 * HOUR, spread: 2 * HOUR };
/** Should a worker die in the middle of a look, the next one goes on after this time. */
const REVIVE = 60 * SECOND;
const ALARM = "look";

const now = () => Date.now();
const world: World = {
  device: chromebook,
  store: browserStore,
  fetch: (url, init) => fetch(url, init),
  journal: new Journal(browserStore, now),
  now,
  random: () => Math.random(),
  online: () => navigator.onLine,
};

let looking: Promise<void> | null = null;
let again = false;
let timer: ReturnType<typeof setTimeout> | undefined;
/** Profiles that a person wants tried now. */
const wanted = new Set<string>();
/** Whether the network came back: then what failed for want of it need not wait. */
let online = false;

/** Looks at all profiles; what is asked for meanwhile is done right after. */
function look(why: string): Promise<void> {
  if (looking) {
    again = true;
    return looking;
  }
  looking = lookOnce(why)
    .catch((error: unknown) => console.error("vaca:", error))
    .finally(() => {
      looking = null;
      if (again) {
        again = false;
        void look("again");
      }
    });
  return looking;
}

async function lookOnce(why: string): Promise<void> {
  clearTimeout(timer);
  await chrome.alarms.create(ALARM, { when: now() + REVIVE });
  const { configuration } = readConfiguration(await chrome.storage.managed.get());
  if (!configuration) {
    await chrome.action.setBadgeText({ text: "" });
    return schedule(null);
  }
  world.journal.level = configuration.logLevel;
  world.journal.add("debug", `look: ${why}`);
  await forget(configuration);
  await forgive(configuration, await serviceTime());
  const outcomes = await new Look(world, configuration).take();
  await speak(configuration, outcomes, await serviceTime());
  const dues = outcomes.map((outcome) => outcome.due).filter((due) => due !== null);
  await schedule(dues.length > 0 ? Math.min(...dues) : null);
}

/** The time by the service's clock, as far as it is known: remembered times are the service's. */
async function serviceTime(): Promise<number> {
  return now() + ((await browserStore.read("clock"))?.ahead ?? 0);
}

/** Profiles that are no longer configured: their certificates stay, what we know of them goes. */
async function forget(configuration: Configuration): Promise<void> {
  const keys = Object.keys(await chrome.storage.local.get());
  const names = configuration.profiles.map((profile) => `profile/${profile.name}`);
  const stale = keys.filter((key) => key.startsWith("profile/") && !names.includes(key));
  if (stale.length > 0) await chrome.storage.local.remove(stale);
}

/** A person, a new configuration or a new version may be quicker than the plan, but not than the service. */
async function forgive(configuration: Configuration, time: number): Promise<void> {
  const seen = JSON.stringify([chrome.runtime.getManifest().version, configuration]);
  const changed = seen !== (await browserStore.read("seen"));
  for (const { name } of configuration.profiles) {
    const memory = await browserStore.read(`profile/${name}`);
    if (!memory?.trouble && !wanted.has(name)) continue;
    const known = memory ?? blank(about(configuration, name));
    const { trouble } = known;
    if (wanted.has(name)) known.consent = true;
    const early = trouble?.fixed && trouble.retryAt !== null && trouble.retryAt > time;
    const excused = wanted.has(name) || changed || (online && !trouble?.refusal);
    if (excused && !early) known.trouble = null;
    await browserStore.write(`profile/${name}`, known);
  }
  await browserStore.write("seen", seen);
  wanted.clear();
  online = false;
}

async function speak(configuration: Configuration, outcomes: Outcome[], time: number): Promise<void> {
  let marked = false;
  for (const { profile, memory } of outcomes) {
    const told = await tell(configuration, profile, memory, time);
    if (told) await browserStore.write(`profile/${profile.name}`, memory);
    marked ||= notice(configuration, profile, memory, time) !== null;
  }
  await chrome.action.setBadgeText({ text: marked ? "!" : "" });
}

/** The next look: at the due time, and in any case within some hours. */
async function schedule(due: number | null): Promise<void> {
  const latest = now() + LOOK_AGAIN.least + Math.random() * LOOK_AGAIN.spread;
  const at = Math.min(due ?? latest, latest);
  await chrome.alarms.create(ALARM, { when: Math.max(at, now() + ALARM_MIN) });
  const wait = Math.max(at - now(), TIMER_MIN);
  if (wait <= TIMER_MAX) timer = setTimeout(() => void look("due"), wait);
}

chrome.runtime.onInstalled.addListener(() => void look("installed"));
chrome.runtime.onStartup.addListener(() => void look("start-up"));
chrome.alarms.onAlarm.addListener(() => void look("alarm"));
chrome.identity.onSignInChanged.addListener(() => void look("sign-in"));
chrome.storage.managed.onChanged.addListener(() => void look("configuration"));
// While a worker sleeps no event of the network reaches it: then the alarm has to do.
self.addEventListener("online", () => {
  online = true;
  void look("online");
});
chrome.runtime.onMessage.addListener((request: Request, _sender, answer) => {
  if (request.kind === "try") wanted.add(request.profile);
  void look(request.kind).then(() => answer(null));
  return true;
});
chrome.notifications.onClicked.addListener((id) => {
  void chrome.notifications.clear(id);
  void chrome.runtime.openOptionsPage();
});
