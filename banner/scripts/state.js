// window.cookieConsent, for the scripts of the page. It stands in <head>:
//
//   <script data-state="answered" data-granted="necessary statistics" data-services="login matomo">
//
// What it knows is there at once; what opens or changes something waits for banner.js.
(() => {
  'use strict';

  if (Object.hasOwn(window, 'cookieConsent')) return;
  const { granted, services = '', state: first } = document.currentScript.dataset;
  const ids = `${granted} ${services}`.split(' ');
  let state = first;
  const ready = new Promise(done => addEventListener('cookieconsent:ready', done, { once: true }));
  const later = name => (...args) => ready.then(({ detail }) => detail[name](...args));
  addEventListener('cookieconsent:change', ({ detail }) => { state = detail.state; });

  Object.defineProperty(window, 'cookieConsent', {
    value: Object.freeze({
      get state() { return state; },
      granted: id => ids.includes(id),
      open: later('open'),
      allow: later('allow'),
      accept: later('accept'),
      refuse: later('refuse'),
    }),
  });
})();
