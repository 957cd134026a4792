// The guard keeps scripts of the page from loading anything from the hosts of
// services the visitor refused, where the site allows undeclared hosts and so no
// Content-Security-Policy can. It stands first in <head>:
//
//   <script data-refused="tracker.example *.ads.example:8080 /gtm/*" data-granted="...">
//
// It holds back addresses given to elements by property, attribute, markup and
// document.write, or by nodes that come from another document; and it has fetch,
// XMLHttpRequest, sendBeacon, WebSocket, EventSource, Worker, FontFace and Audio
// fail without a request. What was held back stands in data-cookie-consent-<name>.
//
// It is a net with holes, for scripts that do not look for them. It does not see:
// import() and import statements; style sheets and inline styles (@import,
// background images, fonts); what frames do, about:blank and srcdoc included; what
// workers, worklets and service workers do; baseVal of SVG's href; Attr.value and
// attributes.setNamedItem; setHTML, setHTMLUnsafe and streamed markup; a tag cut in
// two by two calls of document.write, or several trusted values in one; background
// attributes, speculation rules, meta refresh; links and forms followed; fetchLater,
// WebTransport, WebRTC; redirects from an allowed host to a refused one.
//
// What it changes in passing: a call of document.write that holds something refused puts
// the rest before the running script, as whole elements (without one, nowhere); in
// markup with something refused, noscript has elements, which load; a script with
// text runs it when its src is held back; a refused worker throws, as a worker of
// another origin always did; a template imported with something refused keeps the
// marks.
//
// A doubt of its own opens: where it fails, the call is as it was. It never gives
// a sink of Trusted Types anything but what the page gave, save for a refused worker.
//
// Lines of comment and indents are cut away before it is sent. It may hold no end
// of a script, no start of a comment, no end of a CDATA section, and it counts its
// bytes: 2048, compressed.
(() => {
  'use strict';

  const mark = 'data-cookie-consent-';
  const glob = text => text.replace(/\W/g, '\\$&').replace(/\\\*/g, '.*');

  // An exact name beats a pattern, the longer name the shorter, among equal names
  // the longer literal path, and among equals a grant.
  const parse = (list = '', grant) => [...list.matchAll(/(?=\S)(\*\.)?([^/:\s]*)(:\d+)?(\S*)/g)].map(([, wild = '', name, port = ':\\d+', path]) => ({
    rank: (wild ? name.length : 1e3) * 1e4 + path.replace(/\*/g, '').length + grant,
    form: RegExp('^' + (wild && '[^/]*') + '\\.' + glob(name.toLowerCase() || location.hostname) + port + (path ? glob(path) + '$' : '/')),
  }));

  // A second run, after a swap of the page, only brings new rules.
  const again = window[mark];
  const { dataset } = document.currentScript;
  window[mark] = [...parse(dataset.refused, 0), ...parse(dataset.granted, .5)].sort((a, b) => b.rank - a.rank);
  if (again) return;

  // Addresses without a host, such as data:, match nothing.
  const refused = value => {
    try {
      const url = new URL(value, document.baseURI);
      const place = '.' + url.hostname + ':' + (url.port || (/s:/.test(url.protocol) ? 443 : 80)) + url.pathname;
      return window[mark].find(({ form }) => form.test(place))?.rank % 1 === 0;
    } catch {}
  };

  const refuses = (tag, name, value) =>
    / ((image)?src(set)?|poster|ping)$|object data$|^(link|script|image|use|feimage) (\w+:)?href$/i.test(tag + ' ' + name) &&
    (value + '').split(/set|ping/i.test(name) ? /[\s,]+/ : /^/).some(refused);

  // hold keeps a refused value beside its attribute.
  const hold = (node, name, value) => {
    const tag = node.localName;
    if (!refuses(tag, name, value)) return;
    node.setAttribute(mark + name, value);
    node.toggleAttribute(mark + 'service', true);
    node.removeAttribute(name);
    if (/^(scr|im|li)/.test(tag)) setTimeout(() => node.dispatchEvent(new Event('error')));
    return [];
  };

  // sweep holds back what a tree would load.
  const sweep = root => {
    let any;
    for (const node of [root, ...root.querySelectorAll?.('*') || '']) {
      for (const { name, value } of [...node.attributes || '']) any = hold(node, name, value) || any;
    }
    return any;
  };

  // The nodes of a document have been looked at when they came into it.
  const home = node => (node = node.startContainer || node).ownerDocument || node;
  const inert = document.implementation.createHTMLDocument('');
  const puts = { innerhtml: 'replaceChildren', outerhtml: 'replaceWith', beforebegin: 'before', afterbegin: 'prepend', beforeend: 'append', afterend: 'after', write: 'before', writeln: 'before' };
  // A port that browsers never connect to.
  const dead = 'wss://localhost:1';

  // What is asked before a call of these names: it returns [the result], or nothing
  // when the call is to go on, with args as they then are.
  const asks = {
    'src srcset imageSrcset href data poster ping': (on, [value], name) => hold(on, name, value),

    'setAttribute setAttributeNS setAttributeNode': (on, args) => {
      const [name, value = name.value] = args.slice(-2);
      return hold(on, name.name || name, value);
    },

    'append appendChild prepend insertBefore insertAdjacentElement insertNode replaceChild replaceChildren replaceWith before after adoptNode importNode': (on, args) =>
      args.forEach(node => node && node.ownerDocument !== home(on) && sweep(node)),

    // Markup is parsed where nothing loads, in its context. Only when something in
    // it was held back do copies of its nodes go to the page. Scripts from a fragment
    // run, those from innerHTML do not.
    'innerHTML outerHTML insertAdjacentHTML createContextualFragment write writeln': (on, args, name) => {
      const html = on.body && args[1] ? args.join('') : args.at(-1);
      if (!/src|href|data|poster|ping/i.test(html) || !home(on).defaultView) return;
      const put = puts[(/j/.test(name) ? args[0] : name).toLowerCase()];
      if (on.body) on = document.currentScript || inert.body;
      let root = /f[ot]|W/.test(put) ? on.parentNode : on;
      if (!root.localName) root = root.host || inert.body;
      let box = inert.createElementNS(root.namespaceURI, root.localName);
      box.innerHTML = html;
      if (/^[cw]/.test(name)) box = inert.createRange().createContextualFragment(html);
      if (!sweep(box)) return;
      box = document.importNode(box, true);
      return [name[0] === 'c' ? box : on[put](...box.childNodes)];
    },

    'fetch WebSocket EventSource Worker SharedWorker Audio FontFace open': (on, args, name) => {
      const at = +/^[Fo]/.test(name);
      if ((args[at].url || args[at] + '').split(/url\(["'\s]*/).some(refused)) args[at] = dead;
    },

    sendBeacon: (on, args) => refused(args[0]) && [false],
  };

  const owners = Object.getOwnPropertyNames(window)
    .filter(name => /^(HTML.*|Element|Node|Document.*|ShadowRoot|CharacterData|Range|XMLHttpRequest|Navigator)$/.test(name))
    .map(name => window[name].prototype);

  for (const owner of [window, ...owners]) {
    for (const names in asks) {
      for (const name of names.split(' ')) {
        const slot = Object.getOwnPropertyDescriptor(owner, name);
        const kind = slot?.set ? 'set' : 'value';
        if (!slot?.[kind]) continue;
        const run = (trap, at) => (...call) => {
          try {
            var own = asks[names](call[1], call[at], name);
          } catch {}
          return own ? own[0] : Reflect[trap](...call);
        };
        slot[kind] = new Proxy(slot[kind], { apply: run('apply', 2), construct: run('construct', 1) });
        Object.defineProperty(owner, name, slot);
      }
    }
  }
})();
