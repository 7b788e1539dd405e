// What the status page says about one profile: a sentence, what helps, a number. Pure.

import type { ProfileSetting } from "../configuration.js";
import { explain } from "../explanation.js";
import type { Memory, Trouble } from "../memory.js";

const MINUTE = 60 * 1000;
const DAY = 24 * 60 * MINUTE;
/** Clocks that differ by less do no harm. */
const CLOCK_HARMLESS = 5 * MINUTE;

/** Looks up a message of _locales. */
export type Translate = (key: string, substitutions?: string[]) => string;

/** Writes times for people. */
export interface Dates {
  /** Day and time. */
  moment(at: number): string;
  /** The time of today. */
  time(at: number): string;
  /** A length of time, in minutes, hours or days. */
  length(milliseconds: number): string;
}

/** How things stand. */
export type Tone = "good" | "working" | "waiting" | "bad" | "asking";

/** One card of the page. */
export interface Card {
  profile: string;
  label: string;
  kind: string;
  tone: Tone;
  state: string;
  sentence: string;
  /** Further sentences, in order. */
  more: string[];
  remedy: string | null;
  /** The attempt to dictate. */
  number: string | null;
  /** Small print: pairs of what it is and what it says. */
  details: [string, string][];
  button: { text: string; enabled: boolean };
}

/** What a card rests on. */
export interface Subject {
  profile: ProfileSetting;
  memory: Memory | null;
  /** By the service's clock. */
  now: number;
  /** The extension's id, for whom it helps. */
  extension: string;
}

/** The card of a profile. */
export function card(subject: Subject, t: Translate, dates: Dates): Card {
  const { profile, memory, now } = subject;
  const trouble = memory?.trouble ?? null;
  const current = memory?.current && memory.current.notAfter > now ? memory.current : null;
  const tone = toneOf(memory, trouble, current !== null);
  const sentences = [sentenceOf(memory, current, tone, t, dates)];
  if (trouble) {
    if (current) sentences.push(t("renewal_failing"));
    sentences.push(t(`why_${explain(trouble.code, profile.scope).text}`), retry(trouble, now, t, dates));
  } else if (current && tone === "good") {
    sentences.push(t("renews_at", [dates.moment(Math.max(current.renewAt, now))]));
  }
  const [sentence = "", ...more] = sentences;
  return {
    profile: profile.name,
    label: profile.label,
    kind: t(`scope_${profile.scope}`),
    tone,
    state: t(`state_${tone}`),
    sentence,
    more,
    remedy: trouble ? t(`remedy_${explain(trouble.code, profile.scope).text}`) : null,
    number: trouble ? trouble.attempt : (current?.attempt ?? null),
    details: trouble ? details(trouble, subject, t) : [],
    button: button(memory, trouble, tone, now, t, dates),
  };
}

function toneOf(memory: Memory | null, trouble: Trouble | null, serves: boolean): Tone {
  if (memory?.asking) return "asking";
  if (!trouble) return serves ? "good" : "working";
  // While the old certificate serves, a renewal that fails is no reason to worry its user.
  return trouble.refusal && !serves ? "bad" : "waiting";
}

function sentenceOf(
  memory: Memory | null,
  current: Memory["current"],
  tone: Tone,
  t: Translate,
  dates: Dates,
): string {
  if (tone === "asking") return t(current ? "sentence_asking_renewal" : "sentence_asking");
  if (current) return t("sentence_good", [dates.moment(current.notAfter)]);
  return t(memory?.trouble ? "sentence_none" : "sentence_working");
}

function retry(trouble: Trouble, now: number, t: Translate, dates: Dates): string {
  if (trouble.retryAt === null) return t("retry_never");
  const wait = trouble.retryAt - now;
  if (wait < MINUTE / 4) return t("retry_soon");
  return wait < DAY / 2
    ? t("retry_at", [dates.time(trouble.retryAt)])
    : t("retry_on", [dates.moment(trouble.retryAt)]);
}

function details(trouble: Trouble, { profile, extension }: Subject, t: Translate): [string, string][] {
  const found: [string, string][] = [[t("code_label"), trouble.code]];
  if (!trouble.attempt && trouble.requestId) found.push([t("request_label"), trouble.requestId]);
  if (explain(trouble.code, profile.scope).showsExtension) found.push([t("extension_label"), extension]);
  if (trouble.detail) found.push([t("words_label"), trouble.detail]);
  return found;
}

function button(
  memory: Memory | null,
  trouble: Trouble | null,
  tone: Tone,
  now: number,
  t: Translate,
  dates: Dates,
): Card["button"] {
  if (memory?.asking) return { text: t("fetch_now"), enabled: true };
  if (trouble?.fixed && trouble.retryAt !== null && trouble.retryAt > now) {
    return { text: t("try_later", [dates.time(trouble.retryAt)]), enabled: false };
  }
  return { text: t(tone === "good" ? "look_now" : "try_now"), enabled: true };
}

/** What to say about the clock of the device; `null` where it does no harm. */
export function clockSentence(ahead: number, t: Translate, dates: Dates): string | null {
  if (Math.abs(ahead) < CLOCK_HARMLESS) return null;
  return t(ahead > 0 ? "clock_behind" : "clock_ahead", [dates.length(Math.abs(ahead))]);
}
