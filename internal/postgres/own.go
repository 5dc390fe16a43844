package postgres

// HideOwnTables is the statement that removes Larder's own schema from the search path of a
// connection. For a user named larder, Postgres's default is "$user", public: without this,
// a source whose table is runs or versions would be Larder's own table, and the log of a
// stream would be made among them.
const HideOwnTables = `SELECT set_config('search_path', coalesce(
	(SELECT string_agg(quote_ident(s), ', ' ORDER BY place) FROM unnest(current_schemas(false)) WITH ORDINALITY AS x (s, place) WHERE s <> 'larder'), 'public'), false)
	WHERE current_user = 'larder'`
