-- What customers say of an event, as they wrote it. The oldest rows are older than reviews.py.
CREATE TABLE reviews (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    event text NOT NULL,
    author text NOT NULL,
    body text NOT NULL,
    link text NOT NULL DEFAULT ''
);
