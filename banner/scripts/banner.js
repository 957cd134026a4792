// The banner with script: an answer without a new page where nothing is granted or
// withdrawn, the preferences in a dialog, and what window.cookieConsent does.
//
//   <script async src="<path>/banner.<hash>.js" data-granted="necessary" data-lang="fr" [data-posted]>
//
// The server decides the page: what changes the grants reloads it. Whatever fails
// here is sent again by the browser itself, and the server says what is wrong.
(() => {
  'use strict';

  const { currentScript } = document;
  const { granted, lang, posted } = currentScript.dataset;
  const pages = new URL('./', currentScript.src).href;
  const flag = 'cookie-consent-saved';
  const by = id => document.getElementById(id);
  const inserted = '[data-cookie-consent-inserted]';
  const action = (name, root = document) => root.querySelector(`[data-cookie-consent=${name}]`);
  // A page that is swapped in by a script brings this script again.
  const once = Symbol.for('cookie-consent');
  if (window[once]) return;
  window[once] = 1;

  // What the visitor has filled in is not to be lost.
  const touched = new Set();
  addEventListener('input', ({ target, isTrusted }) => {
    if (isTrusted && !target.closest?.(inserted)) touched.add(target);
  }, true);
  const filled = () => [...touched].some(e => e.isConnected && (e.value ?? e.textContent));

  const ask = async (path, options) => {
    const response = await fetch(pages + path, { headers: { Accept: 'application/json' }, cache: 'no-store', ...options });
    const answer = await response.json();
    if (!response.ok) throw Object.assign(Error(answer.detail || answer.title), answer);
    return answer;
  };

  let removed;
  const hide = () => {
    const banner = removed = by('cookie-consent');
    if (!banner) return;
    // What the visitor reads stays where it is.
    const passed = banner.getBoundingClientRect().bottom <= 0;
    const anchor = document.elementFromPoint(innerWidth / 2, innerHeight / 2) || document.body;
    const { top } = anchor.getBoundingClientRect();
    banner.remove();
    if (passed) scrollBy({ top: anchor.getBoundingClientRect().top - top, behavior: 'instant' });
  };

  const confirm = next => {
    const box = by(flag);
    if (!box) return;
    [box.children[0].hidden, box.children[1].hidden] = [next, !next];
    action('hide', box).hidden = box.hidden = false;
    box.classList.add('cookie-consent-shown');
    box.focus({ preventScroll: true });
  };

  let dialog, opener;
  const changes = async fields => {
    const now = await ask('choice', { method: 'POST', body: new URLSearchParams(fields) });
    dispatchEvent(new CustomEvent('cookieconsent:change', { detail: now }));
    dialog?.close();
    hide();
    if (now.granted.join(' ') === granted) {
      confirm(false);
    } else if (posted !== undefined || filled()) {
      confirm(true);
    } else {
      try {
        sessionStorage[flag] = 1;
      } catch {}
      location.reload();
    }
    return now;
  };
  const choose = (choice, ids = []) => changes([['choice', choice], ...[ids].flat().map(id => ['grant', id])]);

  const load = address => new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open('GET', address);
    request.responseType = 'document';
    request.onload = () => done(request.response);
    request.onerror = fail;
    request.send();
  });

  // A purpose and its services are ticked together.
  const tie = fieldset => {
    const [all, ...each] = fieldset.querySelectorAll('[name=grant]');
    if (!each.length) return;
    const show = () => {
      all.checked = each.every(box => box.checked);
      all.indeterminate = !all.checked && each.some(box => box.checked);
    };
    if (all.checked) each.forEach(box => { box.checked = true; });
    show();
    fieldset.addEventListener('change', ({ target }) => {
      if (target === all) each.forEach(box => { box.checked = all.checked; });
      show();
    });
  };

  let style;
  const open = async () => {
    if (dialog?.open) return;
    opener = document.activeElement;
    const here = location.pathname + location.search;
    const address = `${pages}?lang=${lang}&return=${encodeURIComponent(here)}`;
    let form;
    try {
      const page = await load(address);
      form = document.importNode(page.getElementById('cookie-consent-preferences'), true);
      if (!style) {
        style = new CSSStyleSheet();
        style.replaceSync(action('style', page).textContent);
        document.adoptedStyleSheets.push(style);
      }
      dialog = Object.assign(document.createElement('dialog'), { className: 'cookie-consent-dialog', lang, dir: page.dir });
    } catch {
      location.assign(address);
      return;
    }
    dialog.setAttribute('data-cookie-consent-inserted', '');
    dialog.setAttribute('aria-labelledby', 'cookie-consent-preferences-title');
    dialog.append(form);
    form.querySelectorAll('form').forEach(e => { e.action = pages + 'choice'; });
    form.querySelectorAll('fieldset').forEach(tie);
    action('close', form).hidden = false;
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (opener?.isConnected) opener.focus();
    });
    document.body.append(dialog);
    dialog.showModal();
  };

  const acts = {
    open,
    change: open,
    close: () => dialog.close(),
    hide: () => by(flag).classList.remove('cookie-consent-shown'),
  };
  addEventListener('click', event => {
    const { target, button, ctrlKey, metaKey, shiftKey } = event;
    const act = acts[target.closest?.('[data-cookie-consent]')?.dataset.cookieConsent];
    if (!act || button || ctrlKey || metaKey || shiftKey) return;
    event.preventDefault();
    act();
  }, true);

  const natively = new WeakSet();
  addEventListener('submit', event => {
    const { target: form, submitter } = event;
    if (!form.closest(inserted) || natively.has(form)) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // the page's own handlers have no part in it
    if (submitter?.dataset.cookieConsent === 'customize') {
      open();
      return;
    }
    changes(new FormData(form, submitter)).catch(() => {
      natively.add(form);
      setTimeout(() => form.requestSubmit(submitter)); // not before this submission has ended
    });
  }, true);

  // Frameworks that take over the body may take the banner away with it: once, it
  // comes back.
  const ours = [...document.body.children].filter(e => e.matches('div' + inserted));
  new MutationObserver((_, observer) => {
    const lost = ours.filter(e => !e.isConnected && e !== removed && !document.querySelector(`body > .${e.classList[0]}`));
    if (!lost.length) return;
    observer.disconnect();
    document.body.prepend(...lost);
  }).observe(document.body, { childList: true });

  // The page comes back as it was left, and the choice may be another by now.
  addEventListener('pageshow', async ({ persisted }) => {
    if (!persisted) return;
    const now = await ask('state');
    if (now.granted.join(' ') !== granted) location.reload();
    else if (now.state === 'answered') hide();
  });

  dispatchEvent(new CustomEvent('cookieconsent:ready', {
    detail: {
      open,
      allow: ids => choose('allow', ids),
      accept: () => choose('accept_all'),
      refuse: () => choose('refuse_all'),
    },
  }));

  let saved = location.hash === '#' + flag;
  if (saved) history.replaceState(history.state, '', location.pathname + location.search);
  try {
    saved ||= sessionStorage[flag];
    delete sessionStorage[flag];
  } catch {}
  if (saved) confirm(false);
})();
