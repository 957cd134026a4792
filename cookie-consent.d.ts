// Types of what caddy-cookie-consent puts into a page. Copy this file into a
// project, or name it in a triple-slash reference.

/** How a visitor stands: "gpc" is a refusal by the browser's Sec-GPC header. */
type CookieConsentState = "unanswered" | "answered" | "outdated" | "gpc";

/** What GET <path>/state answers, and every change. */
interface CookieConsentChoice {
  readonly state: CookieConsentState;
  /** Categories that are granted as a whole, then single services. */
  readonly granted: readonly string[];
  /** Exempt categories the visitor objects to. */
  readonly objected: readonly string[];
  /** When the choice was made (RFC 3339); null without one. */
  readonly time: string | null;
}

interface CookieConsent {
  readonly state: CookieConsentState;
  /** Whether a category or service is granted in this page. */
  granted(id: string): boolean;
  /** Opens the preferences. */
  open(): Promise<void>;
  /**
   * Grants categories or services beside what is granted. Where the grants change,
   * the page loads again, unless the visitor has filled in a form or the page
   * answers a POST. Fails with an Error whose status is that of the answer.
   */
  allow(ids: string | readonly string[]): Promise<CookieConsentChoice>;
  accept(): Promise<CookieConsentChoice>;
  refuse(): Promise<CookieConsentChoice>;
}

interface Window {
  readonly cookieConsent: CookieConsent;
}

interface WindowEventMap {
  "cookieconsent:change": CustomEvent<CookieConsentChoice>;
}
