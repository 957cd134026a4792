-- What each of several Caddys has counted, in its own copy of each part.
CREATE TABLE cookie_consent_shared (
	part     text  NOT NULL,
	instance text  NOT NULL,
	data     bytea NOT NULL,
	PRIMARY KEY (part, instance)
);
