// `chrome.enterprise.platformKeys` and the signed-in user, from a virtual Chromebook over loopback:
// outside ChromeOS a browser has neither.

import { fromBase64, toBase64 } from "../../../src/encoding.js";
import { call, taken } from "./steps.js";

type Bytes = ArrayBuffer;
const encode = (bytes: Bytes) => toBase64(new Uint8Array(bytes));
const of = (token: string) => `/tokens/${token}/certificates`;

const platformKeys = {
  getTokens: () => taken("getTokens", async () => [{ id: "user" }, { id: "system" }]),
  getCertificates: (token: string) =>
    taken("getCertificates", async (order) => {
      const held = (await call(order, "GET", of(token))) as { certificate: string }[];
      return held.map((one) => fromBase64(one.certificate).buffer);
    }),
  challengeKey: (options: { scope: string; challenge: Bytes; registerKey: { algorithm: string } }) =>
    taken("challengeKey", async (order) => {
      const { response } = (await call(order, "POST", "/challenge-key", {
        challenge: encode(options.challenge),
        scope: options.scope.toLowerCase(),
        register: options.registerKey.algorithm.toLowerCase(),
      })) as { response: string };
      return fromBase64(response).buffer;
    }),
  importCertificate: (token: string, certificate: Bytes) =>
    taken("importCertificate", async (order) => {
      await call(order, "POST", of(token), { certificate: encode(certificate) });
    }),
  removeCertificate: (token: string, certificate: Bytes) =>
    taken("removeCertificate", async (order) => {
      await call(order, "DELETE", of(token), { certificate: encode(certificate) });
    }),
};

Object.assign(chrome, { enterprise: { platformKeys } });
chrome.identity.getProfileUserInfo = (() =>
  taken("getProfileUserInfo", async (order) => {
    const { email } = (await call(order, "GET", "/user")) as { email: string };
    return { email, id: "" };
  })) as never;
