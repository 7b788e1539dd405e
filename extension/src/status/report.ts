// The report that a person copies for the help desk. It leaves out what is secret (the bytes of a
// response: whoever has them can fetch the certificate) and what is personal (the e-mail).

import type { Configuration, Mistake } from "../configuration.js";
import type { ClockReading, Memory } from "../memory.js";

/** What a report is made from. */
export interface Facts {
  version: string;
  extension: string;
  browser: string;
  now: number;
  clock: ClockReading | null;
  checked: number | null;
  configuration: Configuration | null;
  mistakes: Mistake[];
  memories: Record<string, Memory | undefined>;
  journal: string[];
}

/** The report, in English whatever the language of the page: help desks share it. */
export function report(facts: Facts): string {
  const lines = [
    `vaca extension ${facts.version} (${facts.extension})`,
    facts.browser,
    `time ${iso(facts.now)}, service's clock ahead by ${facts.clock ? Math.round(facts.clock.ahead / 1000) : "?"} s`,
    `last look ${facts.checked ? iso(facts.checked) : "never"}`,
  ];
  for (const { message, substitutions } of facts.mistakes) {
    lines.push(`configuration: ${message} ${substitutions.join(" ")}`.trimEnd());
  }
  if (facts.configuration) {
    const { servers, roots, interaction } = facts.configuration;
    lines.push(
      `servers ${servers.join(" ")}`,
      `roots ${roots.join(" ") || "as published"}`,
      `interaction ${interaction}`,
    );
    for (const profile of facts.configuration.profiles) {
      lines.push("", `${profile.name} (${profile.scope}, ${profile.key})`);
      lines.push(...profileLines(facts.memories[profile.name]).map((line) => `  ${line}`));
    }
  }
  return [...lines, "", "journal", ...facts.journal.map((line) => `  ${line}`), ""].join("\n");
}

function profileLines(memory: Memory | undefined): string[] {
  if (!memory) return ["nothing yet"];
  const lines: string[] = [];
  const { current, trouble, pending } = memory;
  if (current) {
    lines.push(`certificate ${current.serial} of issuer ${current.issuer}`);
    lines.push(
      `valid ${iso(current.notBefore)} to ${iso(current.notAfter)}, renewal ${iso(current.renewAt)}`,
    );
    if (current.attempt) lines.push(`attempt ${current.attempt}`);
  } else {
    lines.push("no certificate");
  }
  if (pending) lines.push(`pending: ${pending.step} since ${iso(pending.at)}`);
  if (trouble) {
    const retry = trouble.retryAt === null ? "never" : iso(trouble.retryAt);
    lines.push(
      `trouble ${trouble.code} since ${iso(trouble.since)}, last ${iso(trouble.at)}, next try ${retry}`,
    );
    if (trouble.attempt) lines.push(`attempt ${trouble.attempt}`);
    if (trouble.requestId) lines.push(`request ${trouble.requestId}`);
    if (trouble.detail) lines.push(trouble.detail);
  }
  lines.push(`in a row: ${memory.tries.same} with the same bytes, ${memory.tries.restarts} restarts`);
  return lines;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
