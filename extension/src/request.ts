// What the status page asks of the service worker.

/** `look`: somebody is looking; `try`: a person wants this profile tried now, and consents to it. */
export type Request = { kind: "look" } | { kind: "try"; profile: string };
