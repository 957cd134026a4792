CREATE TABLE cookie_consent_instance (id TEXT NOT NULL);

-- Chains of records, and how far their beginning was purged.
CREATE TABLE cookie_consent_chains (
	instance    TEXT    NOT NULL,
	site        TEXT    NOT NULL,
	purged      INTEGER NOT NULL DEFAULT 0, -- the last record that was purged
	anchor      BLOB,                       -- its hash
	anchor_key  INTEGER,
	anchor_seal BLOB,                       -- HMAC over all of this
	PRIMARY KEY (instance, site)
) WITHOUT ROWID;

CREATE TABLE cookie_consent_records (
	instance TEXT    NOT NULL,
	site     TEXT    NOT NULL,
	seq      INTEGER NOT NULL,
	id       TEXT    NOT NULL,
	subject  TEXT    NOT NULL,
	time     INTEGER NOT NULL, -- Unix milliseconds
	manifest TEXT    NOT NULL,
	body     TEXT    NOT NULL, -- the record itself, as JSON
	hash     BLOB    NOT NULL,
	UNIQUE (instance, site, seq)
);
CREATE INDEX cookie_consent_records_id ON cookie_consent_records (id);
CREATE INDEX cookie_consent_records_subject ON cookie_consent_records (subject);
CREATE INDEX cookie_consent_records_manifest ON cookie_consent_records (manifest);

-- The archive: what was shown.
CREATE TABLE cookie_consent_entries (
	hash     TEXT    NOT NULL PRIMARY KEY, -- SHA-256 of the manifest
	manifest TEXT    NOT NULL,
	first    INTEGER NOT NULL,             -- Unix milliseconds
	seen     INTEGER NOT NULL              -- when a Log last had it in use
);
CREATE TABLE cookie_consent_artefacts (
	hash    TEXT NOT NULL PRIMARY KEY, -- SHA-256 of the content
	content BLOB NOT NULL
);
CREATE TABLE cookie_consent_entry_artefacts (
	entry    TEXT NOT NULL,
	artefact TEXT NOT NULL,
	PRIMARY KEY (entry, artefact)
) WITHOUT ROWID;
CREATE INDEX cookie_consent_entry_artefacts_artefact ON cookie_consent_entry_artefacts (artefact);
