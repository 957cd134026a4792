(() => {
  'use strict';

  const mark = 'data-cookie-consent-';
  const lists = document.currentScript.dataset;
  // A second run, after a swap of the page, only brings new lists.
  if (window[mark]) return window[mark](lists);

  const glob = text => text.replace(/\W/g, '\\$&').replace(/\\\*/g, '.*');

  // An exact name beats a pattern, the longer name the shorter, among equal names
  // the longer literal path, and among equals a grant.
  const parse = (list = '', grant) => [...list.matchAll(/(?=\S)(\*\.)?([^/:\s]*)(:\d+)?(\S*)/g)].map(([, wild = '.', name, port = ':\\d+', path]) => ({
    rank: (wild[1] ? name.length : 999) * 9999 + path.replace(/\*/g, '').length + grant,
    form: RegExp('^' + glob(wild + (name.toLowerCase() || location.hostname)) + port + (path ? glob(path) + '$' : '/')),
  }));

  let rules;
  (window[mark] = ({ refused, granted }) => {
    rules = [...parse(refused, 0), ...parse(granted, .5)].sort((a, b) => b.rank - a.rank);
  })(lists);

  // Only addresses of the network have a name for a pattern to match.
  const refused = value => {
    try {
      const url = new URL(value, document.baseURI);
      const place = '.' + url.hostname + ':' + (url.port || (/s:/.test(url.protocol) ? 443 : 80)) + url.pathname;
      return rules.find(rule => rule.form.test(place))?.rank % 1 === 0;
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

  const owners = Object.getOwnPropertyNames(window)
    .filter(name => /(Element|Node|Document|Fragment|Root|Data|Range|Request|Navigator)$/.test(name))
    .map(name => window[name]?.prototype || 0);

  // wrap asks a ask before each call: it returns [the result], or nothing when
  // the call is to go on, with args as they then are.
  const wrap = (names, ask) => {
    for (const owner of [window, ...owners]) {
      for (const [name, slot] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
        const kind = slot.set ? 'set' : 'value';
        if (!names.test(name) || !slot[kind]) continue;
        const run = (trap, at) => (...call) => {
          try {
            var own = ask(call[1], call[at], name);
          } catch {}
          return own ? own[0] : Reflect[trap](...call);
        };
        slot[kind] = new Proxy(slot[kind], { apply: run('apply', 2), construct: run('construct', 1) });
        Object.defineProperty(owner, name, slot);
      }
    }
  };

  wrap(/^((image)?src(set)?|href|data|poster|ping)$/i, (on, [value], name) => hold(on, name, value));

  wrap(/^setAttribute/, (on, args) => {
    const [name, value = name.value] = args.slice(-2);
    return hold(on, name.name || name, value);
  });

  // The nodes of a document have been looked at when they came into it.
  const home = node => (node = node.startContainer || node).ownerDocument || node;
  wrap(/^(append|prepend|insert|replace|before|after|surround|adopt|import)/, (on, args) =>
    args.forEach(node => node && node.ownerDocument !== home(on) && sweep(node)));

  // Markup is parsed where nothing loads. Only when something in it was held back
  // do its nodes move to the page.
  const inert = document.implementation.createHTMLDocument('');
  const puts = { innerhtml: 'replaceChildren', outerhtml: 'replaceWith', beforebegin: 'before', afterbegin: 'prepend', beforeend: 'append', afterend: 'after' };
  wrap(/erHTML|jacentHTML|tualFragment/, (on, args, name) => {
    const html = args.at(-1);
    if (!/(image)?src(set)?|href|data|poster|ping/i.test(html) || !home(on).defaultView) return;
    const put = puts[(args[1] ? args[0] : name).toLowerCase()];
    let root = /[fW]/.test(put) ? on.parentNode : on;
    if (!root.localName) root = root.host || inert.body;
    const box = put ? Object.assign(inert.createElementNS(root.namespaceURI, root.localName), { innerHTML: html }) :
      inert.createRange().createContextualFragment(html);
    return sweep(box) && [put ? on[put](...box.childNodes) : box];
  });

  // What is written may be part of a tag or of a tree, so its text is out;
  // trusted markup is text then, and refused as such.
  wrap(/^write/, (on, args) => args.forEach((text, i) => {
    const out = (text + '').replace(/<(\w+)("[^"]*"|'[^']*'|[^"'>])*/g, (all, tag) =>
      all.replace(/[\s"'/]([\w:]+)\s*=\s*["']?([^"'\s>]+)/g, (all, name, value) =>
        refuses(tag, name, value) ? all.replace(name, mark + 'service ' + mark + name) : all));
    if (out != text) args[i] = out;
  }));

  // Browsers never ask this port.
  const dead = 'wss://localhost:1';
  wrap(/^(fetch|WebSocket|EventSource|.*Worker|Audio|FontFace|open)$/, (on, args, name) => {
    const at = +/^[Fo]/.test(name);
    if ((args[at].url || args[at] + '').split(/url\(["']?/).some(refused)) args[at] = dead;
  });
  wrap(/^sendB/, (on, [url]) => refused(url) && [false]);
})();
