package registry

// What tests of the package look at.
var (
	ParseConfig = parseConfig
	PostgresURL = postgresURL
)
