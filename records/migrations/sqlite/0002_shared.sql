-- What each of several Caddys has counted, in its own copy of each part.
CREATE TABLE cookie_consent_shared (
	part     TEXT NOT NULL,
	instance TEXT NOT NULL,
	data     BLOB NOT NULL,
	PRIMARY KEY (part, instance)
) WITHOUT ROWID;
