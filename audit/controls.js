// Finds the controls of consent managers in one document, its open shadow roots
// included. It runs apart from the page's own scripts.
(managers, words, anywhere) => {
	const roots = [];
	const collect = (root) => {
		roots.push(root);
		for (const e of root.querySelectorAll("*")) if (e.shadowRoot) collect(e.shadowRoot);
	};
	collect(document);
	const all = (selector) => roots.flatMap((root) => [...root.querySelectorAll(selector)]);

	const visible = (e) => {
		if (!e.checkVisibility({checkOpacity: true, checkVisibilityCSS: true})) return false;
		const box = e.getBoundingClientRect();
		return box.width > 1 && box.height > 1 && box.right + scrollX > 0 && box.bottom + scrollY > 0;
	};
	const plain = (text) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").replaceAll("ß", "ss")
		.replaceAll("’", "'").replace(/[\s\u00a0]+/g, " ").replace(/^[^\p{L}]+|[^\p{L}\p{N}]+$/gu, "");
	const shown = (e) => (e.innerText || e.value || e.ariaLabel || e.title || "").replace(/\s+/g, " ").trim();

	const present = managers.filter((m) => (m.present ?? []).some((s) => all(s).length > 0)).map((m) => m.name);
	const controls = [];
	const elements = globalThis.cookieConsentAuditControls = [];
	const add = (manager, role, e) => {
		controls.push({manager, role, label: shown(e).slice(0, 80)});
		elements.push(e);
	};

	for (const role of ["accept", "refuse", "settings", "save", "withdraw"])
		for (const m of managers) {
			const e = (m[role] ?? []).flatMap(all).find(visible);
			if (e) add(m.name, role, e);
		}

	const whole = (patterns) => new RegExp("^(?:" + patterns.join("|") + ")$", "u");
	const asking = new RegExp(words.asking.join("|"), "u");
	const roles = ["refuse", "settings", "save", "accept"].map((role) => [role, whole(words[role])]);
	const reopening = whole(words.withdraw);
	const texts = new Map();
	const asks = (e) => {
		if (!texts.has(e)) texts.set(e, asking.test(plain((e.innerText ?? e.host?.shadowRoot?.textContent ?? "").slice(0, 20000))));
		return texts.get(e);
	};
	const names = /cookie|consent|gdpr|rgpd|dsgvo|\bcmp\b|privacy|tracking/i;
	const isLayer = (e) => e.matches?.("dialog, [role=dialog], [role=alertdialog], [aria-modal=true]")
		|| names.test(e.id) || names.test(e.getAttribute?.("class") ?? "") || /fixed|sticky/.test(getComputedStyle(e).position);
	const inLayer = (e) => {
		for (let up = e.parentNode; up && up !== document.body; up = up.parentNode ?? up.host) {
			if (up instanceof ShadowRoot) { up = up.host; }
			if (up === document.body || up === document) break;
			if (isLayer(up) && (asks(up) || (up.shadowRoot && asking.test(plain(up.shadowRoot.textContent.slice(0, 20000)))))) return true;
		}
		return (self !== top || anywhere) && document.body !== null && asks(document.body);
	};
	for (const e of all("button, input[type=button], input[type=submit], a, [role=button], summary")) {
		const label = plain(shown(e) || "");
		if (label === "" || label.length > 80 || !visible(e)) continue;
		const role = roles.find(([, pattern]) => pattern.test(label))?.[0];
		if (role && inLayer(e)) add("", role, e);
		else if (reopening.test(label)) add("", "withdraw", e);
	}
	return {present, controls};
}
