-- Chains of records, and how far their beginning was purged.
CREATE TABLE cookie_consent_chains (
	instance    text    COLLATE "C" NOT NULL,
	site        text    COLLATE "C" NOT NULL,
	purged      bigint  NOT NULL DEFAULT 0, -- the last record that was purged
	anchor      bytea,                      -- its hash
	anchor_key  bigint,
	anchor_seal bytea,                      -- HMAC over all of this
	PRIMARY KEY (instance, site)
);

CREATE TABLE cookie_consent_records (
	instance text   COLLATE "C" NOT NULL,
	site     text   COLLATE "C" NOT NULL,
	seq      bigint NOT NULL,
	id       text   COLLATE "C" NOT NULL,
	subject  text   COLLATE "C" NOT NULL,
	time     bigint NOT NULL, -- Unix milliseconds
	manifest text   COLLATE "C" NOT NULL,
	body     text   NOT NULL, -- the record itself, as JSON
	hash     bytea  NOT NULL,
	PRIMARY KEY (instance, site, seq)
);
CREATE INDEX cookie_consent_records_id ON cookie_consent_records (id);
CREATE INDEX cookie_consent_records_subject ON cookie_consent_records (subject);
CREATE INDEX cookie_consent_records_manifest ON cookie_consent_records (manifest);

-- The archive: what was shown.
CREATE TABLE cookie_consent_entries (
	hash     text   COLLATE "C" NOT NULL PRIMARY KEY, -- SHA-256 of the manifest
	manifest text   NOT NULL,
	first    bigint NOT NULL,                         -- Unix milliseconds
	seen     bigint NOT NULL                          -- when a Log last had it in use
);
CREATE TABLE cookie_consent_artefacts (
	hash    text  COLLATE "C" NOT NULL PRIMARY KEY, -- SHA-256 of the content
	content bytea NOT NULL
);
CREATE TABLE cookie_consent_entry_artefacts (
	entry    text COLLATE "C" NOT NULL,
	artefact text COLLATE "C" NOT NULL,
	PRIMARY KEY (entry, artefact)
);
CREATE INDEX cookie_consent_entry_artefacts_artefact ON cookie_consent_entry_artefacts (artefact);
