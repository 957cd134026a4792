// The guard of cookies and web storage keeps scripts of the page from writing what
// may not be there. It stands first in <head>:
//
//   <script data-names="+lang -ads_* +_pk_id.* -*" data-keys="local:theme session:tour*"
//     data-report="/cookie-consent/report">
//
// The first of the names that fits a cookie decides: + passes, - does not. Deletions
// always pass. The keys are those of refused services, percent-encoded but for *;
// what is there of them goes, and no more comes.
//
// It covers document.cookie, cookieStore, localStorage and sessionStorage, here and
// in frames and windows of this origin that scripts make. What the page's workers
// write is seen by the server only. What other tabs write stays: they may have been
// granted what this one was not.
//
// One page of 64 tells the server, where it has an address for that, the names of
// refused cookies that no rule but the last fits.
//
// A doubt about a cookie closes: the server would not pass it on.
(() => {
  'use strict';

  const own = 'data-cookie-consent-names';
  const { names = '', keys = '', report } = document.currentScript.dataset;
  const rules = text => text.split(' ').filter(rule => rule).map(rule => {
    const [, kind, form] = rule.match(/^(.*?[-+:])(.*)$/);
    return [kind, RegExp('^' + decodeURIComponent(form).replace(/\W/g, '\\$&').replace(/\\\*/g, '.*') + '$', 's')];
  });
  // A second run, after a swap of the page, only brings new rules.
  const again = window[own];
  window[own] = [rules(names), rules(keys)];

  const ruling = name => window[own][0].find(([, form]) => form.test(name));
  const passes = name => !!name && ruling(name)?.[0] === '+';
  const refuses = (area, key) => window[own][1].some(([kind, form]) => kind === area + ':' && form.test(key));

  // Max-Age decides, and without it Expires.
  const deletes = line => {
    let age, end;
    for (const part of line.split(';').slice(1)) {
      const [key, value = ''] = part.split(/=(.*)/s).map(text => text.trim());
      if (/^max-age$/i.test(key) && /^-?\d+$/.test(value)) age = +value;
      if (/^expires$/i.test(key)) end = Date.parse(value);
    }
    return age === undefined ? end <= Date.now() : age <= 0;
  };
  const told = report && Math.random() < 1 / 64 && new Set();
  const waiting = [];
  const tell = name => {
    if (!told || !name || name.length > 256 || told.size > 99 || told.has(name) || ruling(name) !== window[own][0].at(-1)) return;
    told.add(name);
    waiting.push({ name });
  };
  const beacon = navigator.sendBeacon.bind(navigator);
  const send = () => {
    while (waiting.length) {
      const text = JSON.stringify({ page: location.pathname, seen: waiting.splice(0, 10) });
      beacon(location.origin + report, new Blob([text], { type: 'application/json' }));
    }
  };

  const nameOf = line => line.split(';')[0].match(/^([^=]*)=/)?.[1].trim();

  const areas = ['local', 'session'];
  const real = new Map(); // storages behind proxies, of all views
  const sweep = view => areas.forEach(area => {
    const storage = view[area + 'Storage'];
    Object.keys(storage).forEach(key => refuses(area, key) && storage.removeItem(key));
  });

  const protect = view => {
    // A view of another origin throws.
    try {
      if (!view || view[own + 's']) return view;
      Object.defineProperty(view, own + 's', { value: 1 });

      const { prototype } = view.Document;
      const slot = Object.getOwnPropertyDescriptor(prototype, 'cookie');
      Object.defineProperty(prototype, 'cookie', {
        ...slot,
        set(line) {
          line += '';
          if (passes(nameOf(line)) || deletes(line)) slot.set.call(this, line);
          else tell(nameOf(line));
        },
      });

      const store = view.CookieStore?.prototype;
      if (store) {
        const { set } = store;
        store.set = async function (name, value) {
          const cookie = typeof name === 'object' ? { ...name } : { name, value };
          cookie.name += '';
          if (passes(cookie.name) || cookie.expires <= Date.now()) return set.call(this, cookie);
          tell(cookie.name);
        };
      }

      for (const [name, getter] of [['contentWindow', w => w], ['contentDocument', d => d?.defaultView]]) {
        const slot = Object.getOwnPropertyDescriptor(view.HTMLIFrameElement.prototype, name);
        const { get } = slot;
        slot.get = function () {
          const inside = get.call(this);
          try {
            protect(getter(inside));
          } catch {}
          return inside;
        };
        Object.defineProperty(view.HTMLIFrameElement.prototype, name, slot);
      }
      const { open } = view;
      view.open = (...args) => protect(open.apply(view, args)) || null;

      // Keys are also written as properties, which only a proxy sees, and which the
      // methods of Storage do not take for one of theirs.
      if (!window[own][1].length) return view;
      areas.forEach(area => {
        const storage = view[area + 'Storage'];
        const set = (key, write) => refuses(area, key + '') || write();
        const proxy = new Proxy(storage, {
          get: (_, key) => typeof storage[key] === 'function' ? storage[key].bind(storage) : storage[key],
          set: (_, key, value) => (set(key, () => { storage[key] = value }), true),
          defineProperty: (_, key, slot) => (set(key, () => { storage[key] = slot.value }), true),
        });
        real.set(proxy, [storage, set]).set(storage, [storage, set]);
        Object.defineProperty(view, area + 'Storage', { get: () => proxy, configurable: true, enumerable: true });
      });
      const methods = view.Storage.prototype;
      for (const name of ['getItem', 'setItem', 'removeItem', 'clear', 'key']) {
        const method = methods[name];
        methods[name] = function (...args) {
          const [storage, set] = real.get(this) || [this, (_, write) => write()];
          if (name !== 'setItem') return method.apply(storage, args);
          set(args[0], () => method.apply(storage, args));
        };
      }
      sweep(view);
    } catch {}
    return view;
  };

  if (again) return;
  protect(window);
  document.addEventListener('visibilitychange', send);
  const protectFrames = () => {
    for (let i = 0; i < frames.length; i++) protect(frames[i]);
  };
  // A frame that is made from srcdoc keeps the view that it begins with.
  new MutationObserver(protectFrames).observe(document, { childList: true, subtree: true });
})();
