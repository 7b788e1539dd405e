// The test's hand in the worker: before and after every step that leaves the worker, the test is asked.
// It may let the step happen, fail it, or never answer, and then kill the worker where it stands.

/** What the test says of a step. */
interface Order {
  /** The step fails with these words. */
  fail?: string;
  /** Where the virtual Chromebook listens. */
  chromebook: string;
}

const plainFetch = globalThis.fetch.bind(globalThis);
const settings = plainFetch(chrome.runtime.getURL("test.json")).then(
  (answer) => answer.json() as Promise<{ steps: string }>,
);

/** Asks the test; throws what it says. */
export async function step(name: string, when: "before" | "after"): Promise<Order> {
  const answer = await plainFetch((await settings).steps, {
    method: "POST",
    body: JSON.stringify({ name, when }),
  });
  const order = (await answer.json()) as Order;
  if (order.fail !== undefined) throw new Error(order.fail);
  return order;
}

/** A step with its two questions. */
export async function taken<T>(name: string, take: (order: Order) => Promise<T>): Promise<T> {
  const taken = await take(await step(name, "before"));
  await step(name, "after");
  return taken;
}

/** One request to the virtual Chromebook. */
export async function call(order: Order, method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await plainFetch(`${order.chromebook}/chromebook/v1${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  const text = await answer.text();
  const parsed =
    text && (answer.headers.get("Content-Type") ?? "").includes("json") ? JSON.parse(text) : null;
  if (answer.status === 422 && parsed?.error) throw new Error(parsed.error);
  if (!answer.ok) throw new Error(`the virtual Chromebook answered ${answer.status}: ${text}`);
  return parsed;
}

globalThis.fetch = (input: RequestInfo | URL, init?: RequestInit) => {
  const url = new URL(String(input));
  const name = url.pathname.includes("renewal-info") ? "renewal-info" : url.pathname.slice(1);
  return taken(name, () => plainFetch(input, init));
};

const local = chrome.storage.local;
const set = local.set.bind(local);
local.set = ((items: Record<string, unknown>) =>
  taken(`write ${Object.keys(items).join(" ")}`, () => set(items))) as typeof local.set;
