// Tells vendors' scripts the choice, before any of them is there:
//
//   <script data-signals="google_consent_mode matomo" data-granted="necessary statistics" data-state="answered">
//
// Each is first told that nothing is granted, and then, once, each choice.
(() => {
  'use strict';

  const { signals, state, granted } = document.currentScript.dataset;
  if (Object.hasOwn(window, 'cookieConsent')) return; // a page that a script has swapped in
  const listeners = [];
  const say = (ids, id) => (ids.includes(id) ? 'granted' : 'denied');

  const vendors = {
    google_consent_mode() {
      const layer = window.dataLayer ||= [];
      function gtag() {
        layer.push(arguments);
      }
      const consent = ids => {
        const [ads, statistics, preferences] = ['marketing', 'statistics', 'preferences'].map(id => say(ids, id));
        return {
          ad_storage: ads, ad_user_data: ads, ad_personalization: ads, analytics_storage: statistics,
          functionality_storage: preferences, personalization_storage: preferences, security_storage: 'granted',
        };
      };
      gtag('consent', 'default', { ...consent([]), wait_for_update: 500 });
      gtag('set', 'ads_data_redaction', true);
      gtag('set', 'url_passthrough', false);
      return ids => gtag('consent', 'update', consent(ids));
    },
    microsoft_uet() {
      const queue = window.uetq ||= [];
      const consent = ids => ({ ad_storage: say(ids, 'marketing') });
      queue.push('consent', 'default', consent([]));
      return ids => window.uetq.push('consent', 'update', consent(ids));
    },
    microsoft_clarity() {
      window.clarity ||= function () {
        (window.clarity.q ||= []).push(arguments);
      };
      const tell = ids => window.clarity('consentv2', { ad_Storage: say(ids, 'marketing'), analytics_Storage: say(ids, 'statistics') });
      tell([]);
      return tell;
    },
    matomo() {
      const queue = window._paq ||= [];
      queue.push(['requireConsent']);
      return ids => window._paq.push([ids.includes('statistics') ? 'setConsentGiven' : 'forgetConsentGiven']);
    },
    // Its snippet does nothing where fbq is there already, so that what it makes is
    // told before its first call.
    meta_pixel() {
      let pixel, now = 'revoke', told;
      const tell = () => {
        if (told !== now) pixel('consent', told = now);
      };
      Object.defineProperty(window, 'fbq', {
        configurable: true,
        get: () => pixel,
        set: value => {
          pixel = value && new Proxy(value, {
            apply: (target, self, args) => {
              if (!told) target('consent', told = now);
              return target.apply(self, args);
            },
          });
        },
      });
      return ids => {
        now = ids.includes('marketing') ? 'grant' : 'revoke';
        if (told) tell();
      };
    },
  };

  for (const name of signals.split(' ')) listeners.push(vendors[name]());
  const update = ids => listeners.forEach(tell => tell(ids));
  const whole = granted.split(' ');
  // What is measured without consent needs no choice.
  if (state === 'answered' || whole.some(id => id !== 'necessary')) update(whole);
  addEventListener('cookieconsent:change', ({ detail }) => update(detail.granted));
})();
