// The reporting guard of observe mode tells the server which cookies and keys scripts
// use, and changes nothing. It stands first in <head>:
//
//   <script data-report="/cookie-consent/report">
//
// Told are the names of cookies that are written, with the attributes that say how
// long and where they live, and the names of keys of web storage, written or there.
// Values are not: what stands behind the name of a cookie is looked at for known
// attributes only. Each name is told once in a page, at most 100 of them.
//
// What scripts write in other views, such as workers and frames without a page, the
// server sees when it comes with a request.
(() => {
  'use strict';

  const own = 'data-cookie-consent-observed';
  if (Object.hasOwn(window, own)) return; // a page that a script has swapped in
  Object.defineProperty(window, own, { value: 1 });
  const { report } = document.currentScript.dataset;
  const beacon = navigator.sendBeacon.bind(navigator);
  const told = new Set();
  const waiting = [];
  let timer;

  const send = () => {
    clearTimeout(timer);
    timer = 0;
    while (waiting.length) {
      const text = JSON.stringify({ page: location.pathname, seen: waiting.splice(0, 10) });
      beacon(location.origin + report, new Blob([text], { type: 'application/json' }));
    }
  };

  const tell = (name, more) => {
    const id = (more.area || '') + ':' + name;
    if (!name || name.length > 256 || told.size > 99 || told.has(id)) return;
    told.add(id);
    waiting.push({ name, ...more });
    timer ||= setTimeout(send, 1000);
  };

  const cookie = (name, attributes) => {
    const value = key => attributes.match(RegExp(`;\\s*${key}\\s*=\\s*([^;]*)`, 'i'))?.[1];
    const age = value('max-age');
    // A deletion is told of nothing.
    if (age === undefined ? Date.parse(value('expires')) <= Date.now() : age <= 0) return;
    const known = /;\s*((max-age|expires|domain|path|samesite)\s*=[^;]{0,100}|secure|partitioned)\s*(?=;|$)/gi;
    tell(name, { attributes: (attributes.match(known) || []).join('') });
  };

  const keys = () => {
    for (const area of ['local', 'session']) {
      // A page without an origin of its own has none, and says so.
      try {
        Object.keys(window[area + 'Storage']).forEach(name => tell(name, { area }));
      } catch {}
    }
  };

  // watch has note called, with the object and the arguments, before a method or a
  // setter of owner.
  const watch = (owner, name, kind, note) => {
    const slot = owner && Object.getOwnPropertyDescriptor(owner, name);
    if (!slot?.[kind]) return;
    slot[kind] = new Proxy(slot[kind], {
      apply(call, self, args) {
        try {
          note(self, ...args);
        } catch {}
        return Reflect.apply(call, self, args);
      },
    });
    Object.defineProperty(owner, name, slot);
  };

  watch(Document.prototype, 'cookie', 'set', (self, line) => {
    const [, name, attributes] = line.match(/^([^=;]*)=[^;]*(.*)$/s);
    cookie(name.trim(), attributes);
  });
  watch(window.CookieStore?.prototype, 'set', 'value', (self, set) => {
    const { name = set, expires, domain, path = '/', sameSite = 'strict', partitioned } = Object(set);
    cookie(name, (expires ? ';expires=' + new Date(expires).toUTCString() : '') + (domain ? ';domain=' + domain : '') +
      `;path=${path};samesite=${sameSite};secure` + (partitioned ? ';partitioned' : ''));
  });
  watch(Storage.prototype, 'setItem', 'value', (self, key) => {
    tell(key + '', { area: self === sessionStorage ? 'session' : 'local' });
  });

  // Keys are also written as properties, which nothing tells of.
  const look = () => {
    keys();
    send();
  };
  addEventListener('load', keys);
  document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && look());
  addEventListener('pagehide', look);
})();
