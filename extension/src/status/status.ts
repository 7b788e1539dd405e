// The status page: shows what the memory holds, and follows it. It decides nothing.

import { readConfiguration, type Reading } from "../configuration.js";
import type { ClockReading, Memory, Stored } from "../memory.js";
import type { Request } from "../request.js";
import { card, clockSentence, type Card, type Dates } from "./card.js";
import { report } from "./report.js";

const MINUTE = 60 * 1000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** What is shown depends on the time; it is drawn anew this often. */
const REDRAW = 5000;

const t = (key: string, substitutions: string[] = []) => chrome.i18n.getMessage(key, substitutions);
const language = chrome.i18n.getUILanguage();

const dates: Dates = {
  moment: (at) => new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" }).format(at),
  time: (at) => new Intl.DateTimeFormat(language, { timeStyle: "short" }).format(at),
  length: (milliseconds) => {
    const [unit, size] =
      milliseconds < 2 * HOUR
        ? (["minute", MINUTE] as const)
        : milliseconds < 2 * DAY
          ? (["hour", HOUR] as const)
          : (["day", DAY] as const);
    return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(
      Math.round(milliseconds / size),
    );
  },
};

function element<Kind extends HTMLElement = HTMLElement>(
  selector: string,
  within: ParentNode = document,
): Kind {
  const found = within.querySelector<Kind>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
}

function translate(within: ParentNode): void {
  for (const marked of within.querySelectorAll<HTMLElement>("[data-text]")) {
    marked.textContent = t(marked.dataset["text"] ?? "");
  }
}

function ask(request: Request): void {
  void chrome.runtime.sendMessage(request);
}

/** Shows the card of a profile in the element that it has, so that the focus stays where it is. */
function show(shown: Card): void {
  const cards = element("#cards");
  let article = cards.querySelector<HTMLElement>(`[data-profile="${shown.profile}"]`);
  if (!article) {
    const copy = element<HTMLTemplateElement>("#card").content.cloneNode(true) as DocumentFragment;
    translate(copy);
    cards.append(copy);
    article = cards.lastElementChild as HTMLElement;
    article.dataset["profile"] = shown.profile;
    element("button", article).addEventListener("click", () => ask({ kind: "try", profile: shown.profile }));
  }
  article.dataset["tone"] = shown.tone;
  write(element("h2", article), shown.label);
  write(element(".kind", article), shown.kind);
  write(element(".state", article), shown.state);
  write(element(".sentence", article), shown.sentence);
  lines(
    element(".more", article),
    shown.more.map((text) => ["p", text]),
  );
  element(".more", article).hidden = shown.more.length === 0;
  write(element(".remedy p", article), shown.remedy ?? "");
  element(".remedy", article).hidden = shown.remedy === null;
  write(element(".number p", article), shown.number ?? "");
  element(".number", article).hidden = shown.number === null;
  lines(
    element("dl", article),
    shown.details.flatMap(
      ([term, text]) =>
        [
          ["dt", term],
          ["dd", text],
        ] as [string, string][],
    ),
  );
  element("dl", article).hidden = shown.details.length === 0;
  const button = element<HTMLButtonElement>("button", article);
  write(button, shown.button.text);
  button.disabled = !shown.button.enabled;
}

/** Text that stays the same is not written again: screen readers would read it again. */
function write(into: HTMLElement, text: string): void {
  if (into.textContent !== text) into.textContent = text;
}

function lines(into: HTMLElement, content: [tag: string, text: string][]): void {
  const same =
    into.children.length === content.length &&
    content.every(([, text], index) => into.children[index]?.textContent === text);
  if (same) return;
  into.replaceChildren(
    ...content.map(([tag, text]) => {
      const line = document.createElement(tag);
      line.textContent = text;
      return line;
    }),
  );
}

async function draw(): Promise<void> {
  const reading = readConfiguration(await chrome.storage.managed.get());
  const stored = (await chrome.storage.local.get()) as Partial<Stored>;
  const clock = stored.clock ?? null;
  const now = Date.now() + (clock?.ahead ?? 0);
  element("#loading").hidden = true;
  drawConfiguration(reading);
  const sentence = clock ? clockSentence(clock.ahead, t, dates) : null;
  element("#clock").hidden = sentence === null;
  write(element("#clock"), sentence ?? "");
  const profiles = reading.configuration?.profiles ?? [];
  for (const old of document.querySelectorAll<HTMLElement>("[data-profile]")) {
    if (!profiles.some((profile) => profile.name === old.dataset["profile"])) old.remove();
  }
  for (const profile of profiles) {
    const memory = stored[`profile/${profile.name}`] ?? null;
    show(card({ profile, memory, now, extension: chrome.runtime.id }, t, dates));
  }
  drawFooter(reading, stored, clock, now);
}

function drawConfiguration(reading: Reading): void {
  element("#configuration").hidden = reading.mistakes.length === 0;
  const mistakes = reading.mistakes.map(({ message, substitutions }) => t(message, substitutions));
  lines(
    element("#configuration ul"),
    mistakes.map((text) => ["li", text]),
  );
  const { helpText = "", helpUrl = null, contact = "" } = reading.configuration ?? {};
  element("#help").hidden = !helpText && !helpUrl && !contact;
  write(element("#help-text"), helpText);
  write(element("#help-contact"), contact);
  const link = element<HTMLAnchorElement>("#help-link");
  link.hidden = helpUrl === null;
  if (helpUrl !== null) link.href = helpUrl;
}

function drawFooter(
  reading: Reading,
  stored: Partial<Stored>,
  clock: ClockReading | null,
  now: number,
): void {
  const { version } = chrome.runtime.getManifest();
  const looked = stored.checked ? `${t("looked_at", [dates.moment(stored.checked)])} · ` : "";
  write(element("#about"), `${looked}${t("version", [version])}`);
  const memories = Object.fromEntries(
    Object.entries(stored)
      .filter(([key]) => key.startsWith("profile/"))
      .map(([key, memory]) => [key.slice("profile/".length), memory as Memory]),
  );
  write(
    element("#report"),
    report({
      version,
      extension: chrome.runtime.id,
      browser: navigator.userAgent,
      now,
      clock,
      checked: stored.checked ?? null,
      ...reading,
      memories,
      journal: stored.journal ?? [],
    }),
  );
}

async function copyReport(): Promise<void> {
  const said = element("#copied");
  try {
    await navigator.clipboard.writeText(element("#report").textContent ?? "");
    write(said, t("report_copied"));
  } catch {
    write(said, t("report_not_copied"));
  }
}

document.documentElement.lang = language;
document.title = t("page_title");
translate(document);
element("#copy").addEventListener("click", () => void copyReport());
chrome.storage.onChanged.addListener(() => void draw());
setInterval(() => void draw(), REDRAW);
ask({ kind: "look" });
void draw();
