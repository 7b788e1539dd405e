// Notifications, and the mark on the extension's icon: only where a person can do something.

import type { Configuration, ProfileSetting } from "./configuration.js";
import { explain } from "./explanation.js";
import type { Memory } from "./memory.js";

const MINUTE = 60 * 1000;
const DAY = 24 * 60 * MINUTE;
/** A trouble that may pass by itself is not spoken of before it has lasted this long. */
const LASTING = 10 * MINUTE;
/** While a certificate is good for longer than this, a failing renewal is no matter for its user. */
const SOON = 3 * DAY;
/** The same is not said again before this time is over. */
const AGAIN = 7 * DAY;

/** What to tell a person; `null`: nothing. */
export function notice(
  configuration: Configuration,
  profile: ProfileSetting,
  memory: Memory,
  now: number,
): "asking" | "trouble" | null {
  if (configuration.interaction === "silent") return null;
  if (memory.asking) return "asking";
  const { trouble, current } = memory;
  if (!trouble || explain(trouble.code, profile.scope).who === "nobody") return null;
  if (!trouble.refusal && now - trouble.since < LASTING) return null;
  return current && current.notAfter - now > SOON ? null : "trouble";
}

/** Whether it has been said already. */
export function isNews(memory: Memory, what: string, now: number): boolean {
  return memory.told?.what !== what || now - memory.told.at > AGAIN;
}

/** Says what there is to say about a profile, once; takes back what no longer holds. */
export async function tell(
  configuration: Configuration,
  profile: ProfileSetting,
  memory: Memory,
  now: number,
): Promise<boolean> {
  const id = `profile/${profile.name}`;
  const about = notice(configuration, profile, memory, now);
  if (about === null) {
    if (memory.told === null) return false;
    await chrome.notifications.clear(id);
    memory.told = null;
    return true;
  }
  const what = about === "asking" ? "asking" : (memory.trouble?.code ?? "");
  if (!isNews(memory, what, now)) return false;
  const t = chrome.i18n.getMessage;
  const why = t(`why_${explain(what, profile.scope).text}`);
  await chrome.notifications.create(id, {
    type: "basic",
    iconUrl: chrome.runtime.getURL("icons/128.png"),
    title: t(about === "asking" ? "notice_asking_title" : "notice_bad_title"),
    message: about === "asking" ? t("notice_asking", [profile.label]) : t("notice_bad", [profile.label, why]),
  });
  memory.told = { what, at: now };
  return true;
}
