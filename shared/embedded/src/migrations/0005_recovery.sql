-- An endpoint with an empty url is not called: its merchant fetches what is owed to it. This is until
-- when such a delivery waits for that.
ALTER TABLE deliveries ADD COLUMN shelved_until INTEGER;
CREATE INDEX deliveries_shelved ON deliveries (merchant_id, seq) WHERE shelved_until IS NOT NULL;
