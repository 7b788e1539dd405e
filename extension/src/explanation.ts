// What every failure means in plain words: which text of _locales says it, and who can do something.
// The words themselves stand in _locales/*/messages.json, as why_TEXT and remedy_TEXT.

/** Who can help: `nobody`, because it passes by itself; `person`, who uses the device; `helpdesk`. */
export type Who = "nobody" | "person" | "helpdesk";

/** How a failure is explained. */
export interface Explanation {
  /** The message keys are `why_` and `remedy_` with this behind them. */
  text: string;
  who: Who;
  /** Whether the administrator needs the extension's id to put it right. */
  showsExtension?: true;
}

/** Problem codes of the service (docs/problems.md); a test holds this list against that page. */
export const PROBLEMS: Record<string, Explanation> = {
  malformed_request: { text: "client_mismatch", who: "helpdesk" },
  malformed_query: { text: "client_mismatch", who: "helpdesk" },
  body_too_large: { text: "client_mismatch", who: "helpdesk" },
  request_timeout: { text: "no_answer", who: "nobody" },
  unsupported_media_type: { text: "client_mismatch", who: "helpdesk" },
  not_found: { text: "not_found", who: "helpdesk" },
  method_not_allowed: { text: "client_mismatch", who: "helpdesk" },
  unknown_profile: { text: "unknown_profile", who: "helpdesk" },
  email_required: { text: "scope_mismatch", who: "helpdesk" },
  email_not_expected: { text: "scope_mismatch", who: "helpdesk" },
  invalid_email: { text: "invalid_email", who: "person" },
  email_domain_not_allowed: { text: "email_domain_not_allowed", who: "person" },
  malformed_challenge_response: { text: "start_again", who: "nobody" },
  unknown_challenge: { text: "start_again", who: "nobody" },
  challenge_expired: { text: "start_again", who: "nobody" },
  challenge_for_other_profile: { text: "start_again", who: "nobody" },
  profile_changed: { text: "start_again", who: "nobody" },
  challenge_already_answered: { text: "start_again", who: "nobody" },
  response_already_used: { text: "client_mismatch", who: "helpdesk" },
  in_progress: { text: "busy", who: "nobody" },
  busy: { text: "busy", who: "nobody" },
  too_many_failures: { text: "too_many_failures", who: "nobody" },
  challenge_response_refused: { text: "challenge_response_refused", who: "person" },
  device_not_permitted: { text: "device_not_permitted", who: "helpdesk" },
  verified_access_misconfigured: { text: "verified_access_misconfigured", who: "nobody" },
  verified_access_unavailable: { text: "verified_access_unavailable", who: "nobody" },
  wrong_key_scope: { text: "scope_mismatch", who: "helpdesk" },
  not_a_chromeos_device: { text: "not_a_chromeos_device", who: "person" },
  wrong_customer: { text: "wrong_customer", who: "person" },
  device_id_missing: { text: "device_id_missing", who: "helpdesk" },
  developer_mode: { text: "developer_mode", who: "helpdesk" },
  key_trust_level_refused: { text: "key_trust_level_refused", who: "person" },
  certificate_request_missing: { text: "certificate_request_missing", who: "helpdesk" },
  certificate_request_invalid: { text: "certificate_request_invalid", who: "nobody" },
  unsupported_key: { text: "unsupported_key", who: "helpdesk" },
  weak_key: { text: "weak_key", who: "helpdesk" },
  not_allowed: { text: "not_allowed", who: "helpdesk" },
  refused_by_rule: { text: "refused_by_rule", who: "helpdesk" },
  refused_by_webhook: { text: "refused_by_webhook", who: "helpdesk" },
  too_many_certificates: { text: "too_many_certificates", who: "helpdesk" },
  too_many_attempts: { text: "too_many_attempts", who: "nobody" },
  paused: { text: "paused", who: "helpdesk" },
  key_already_certified: { text: "start_again", who: "nobody" },
  blocked: { text: "blocked", who: "helpdesk" },
  identity_not_certifiable: { text: "identity_not_certifiable", who: "helpdesk" },
  outcome_expired: { text: "start_again", who: "nobody" },
  issuer_expiring: { text: "issuer_expiring", who: "nobody" },
  clock_untrusted: { text: "clock_untrusted", who: "nobody" },
  webhook_unavailable: { text: "webhook_unavailable", who: "nobody" },
  storage_unavailable: { text: "service_trouble", who: "nobody" },
  internal_error: { text: "service_trouble", who: "nobody" },
  // Answers to operators and proxies, which no extension gets.
  unknown_gate: { text: "client_mismatch", who: "helpdesk" },
  certificate_header_refused: { text: "client_mismatch", who: "helpdesk" },
  client_certificate_required: { text: "client_mismatch", who: "helpdesk" },
  client_certificate_refused: { text: "client_mismatch", who: "helpdesk" },
  gate_closed: { text: "client_mismatch", who: "helpdesk" },
  selection_too_large: { text: "client_mismatch", who: "helpdesk" },
  confirmation_required: { text: "client_mismatch", who: "helpdesk" },
  other_selection: { text: "client_mismatch", who: "helpdesk" },
};

/** Our own words for what ChromeOS says ({@link file://./chromeos.ts}) and for what we find ourselves. */
export const OWN: Record<string, Explanation> = {
  offline: { text: "offline", who: "nobody" },
  unreachable: { text: "unreachable", who: "helpdesk" },
  not_admitted: { text: "not_admitted", who: "helpdesk", showsExtension: true },
  no_answer: { text: "no_answer", who: "nobody" },
  sign_in_page: { text: "sign_in_page", who: "person" },
  strange_answer: { text: "strange_answer", who: "nobody" },
  not_chromeos: { text: "not_chromeos", who: "helpdesk" },
  token_missing: { text: "token_missing", who: "person" },
  no_user: { text: "no_user", who: "person" },
  wrong_issuer: { text: "wrong_issuer", who: "helpdesk" },
  certificate_too_late: { text: "certificate_too_late", who: "nobody" },
  unexpected: { text: "unexpected", who: "helpdesk" },
  extension_not_allowed: { text: "extension_not_allowed", who: "helpdesk", showsExtension: true },
  device_not_enrolled: { text: "device_not_enrolled", who: "helpdesk" },
  user_not_affiliated: { text: "user_not_affiliated", who: "person" },
  no_user_keys_here: { text: "no_user_keys_here", who: "person" },
  attestation_off: { text: "attestation_off", who: "helpdesk" },
  challenge_not_signed: { text: "challenge_not_signed", who: "person" },
  key_not_registered: { text: "key_trouble", who: "person" },
  public_key_missing: { text: "key_trouble", who: "person" },
  key_not_marked: { text: "key_trouble", who: "person" },
  machine_certificate_not_uploaded: { text: "machine_certificate_not_uploaded", who: "person" },
  chromeos_internal_error: { text: "chromeos_internal_error", who: "person" },
  attestation_service_silent: { text: "attestation_service_silent", who: "person" },
  attestation_refused: { text: "attestation_refused", who: "person" },
  attestation_ca_failed: { text: "attestation_ca_failed", who: "nobody" },
  attestation_reset_needed: { text: "attestation_reset_needed", who: "helpdesk" },
  attestation_unsupported: { text: "attestation_unsupported", who: "helpdesk" },
  flow_unsupported: { text: "not_chromeos", who: "helpdesk" },
  key_not_found: { text: "key_not_found", who: "nobody" },
  certificate_unreadable: { text: "certificate_unreadable", who: "helpdesk" },
  clock_wrong: { text: "clock_wrong", who: "person" },
  certificate_not_stored: { text: "certificate_not_stored", who: "person" },
  chromeos_other: { text: "chromeos_other", who: "helpdesk" },
};

/** The explanation of a code; a code that is newer than this extension has the service's own words. */
export function explain(code: string, scope: "user" | "machine"): Explanation {
  const known = OWN[code] ?? PROBLEMS[code] ?? { text: "service_other", who: "helpdesk" };
  return known.text === "token_missing" ? { ...known, text: `token_missing_${scope}` } : known;
}
