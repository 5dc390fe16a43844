package feast

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	feastcore "larder/api/feast/core"
	"larder/schema"
)

// A source is one of Larder's in the making: over the rows of a batch source of Feast,
// with the columns that views need of it.
type source struct {
	name    string                // in Larder
	feast   *feastcore.DataSource // has the rows
	push    *feastcore.DataSource // whose name it has; nil: none
	columns []column
}

// A column of a source, as views need it.
type column struct {
	name    string // in Larder
	from    string // in the rows; empty: text
	literal string // instead of from, in SQL
	cast    string // to this type; empty: as it is
}

func (c column) isPlain() bool { return c.literal == "" && c.cast == "" && c.name == c.from }

func (c column) sql() string {
	text := cmp.Or(c.literal, quoteIdent(c.from))
	if c.cast != "" {
		text += "::" + c.cast
	}
	if c.isPlain() {
		return text
	}
	return text + " AS " + quoteIdent(c.name)
}

// add adds columns, or reports that another column has the name of one of them.
func (s *source) add(columns []column) bool {
	for _, c := range columns {
		if at := s.find(c.name); at >= 0 && s.columns[at] != c {
			return false
		}
	}
	for _, c := range columns {
		if s.find(c.name) < 0 {
			s.columns = append(s.columns, c)
		}
	}
	return true
}

func (s *source) find(name string) int {
	return slices.IndexFunc(s.columns, func(c column) bool { return c.name == name })
}

// columnOf returns the column of a source's rows that views know under a name: Feast's
// field_mapping goes from the former to the latter.
func columnOf(s *feastcore.DataSource, name string) string {
	var found []string
	for from, to := range s.GetFieldMapping() {
		if to == name {
			found = append(found, from)
		}
	}
	if len(found) == 0 {
		return name
	}
	return slices.Min(found)
}

// pushSources takes the names of push sources before any other source has them: a push
// names the push source, and Larder looks for a source of that name.
func (i *importer) pushSources() {
	for _, s := range i.registry.GetDataSources() {
		if s.GetType() == feastcore.DataSource_PUSH_SOURCE && i.pushes[s.GetName()] == nil {
			i.pushes[s.GetName()] = &source{name: i.renamed(i.sourceNames, kindSource, s.GetName()), feast: s.GetBatchSource(), push: s}
		}
	}
}

// sourceOf returns the source of a view: that of the push source that feeds it, else that
// of its batch source.
func (i *importer) sourceOf(batch, stream *feastcore.DataSource, viewName string) *source {
	if stream.GetType() == feastcore.DataSource_PUSH_SOURCE {
		s := i.pushes[stream.GetName()]
		if s == nil {
			s = &source{name: i.renamed(i.sourceNames, kindSource, stream.GetName()), push: stream}
			i.pushes[stream.GetName()] = s
		}
		if s.feast == nil {
			s.feast = firstSource(batch, stream.GetBatchSource())
		}
		if s.feast == nil {
			s.feast = &feastcore.DataSource{Name: stream.GetName(), Type: feastcore.DataSource_PUSH_SOURCE, TimestampField: stream.GetTimestampField(), CreatedTimestampColumn: stream.GetCreatedTimestampColumn()}
		}
		return i.need(s)
	}
	if batch.GetType() == feastcore.DataSource_PUSH_SOURCE { // as the first releases with push sources have it
		return i.sourceOf(batch.GetBatchSource(), batch, viewName)
	}
	batch = firstSource(batch, stream.GetBatchSource())
	if batch == nil {
		return nil
	}
	name := cmp.Or(batch.GetName(), viewName+"_source")
	s := i.sources[name]
	if s == nil {
		s = &source{name: i.renamed(i.sourceNames, kindSource, name), feast: batch}
		i.sources[name] = s
	}
	return i.need(s)
}

func firstSource(all ...*feastcore.DataSource) *feastcore.DataSource {
	for _, s := range all {
		if s != nil {
			return s
		}
	}
	return nil
}

func (i *importer) need(s *source) *source {
	if !slices.Contains(i.order, s) {
		i.order = append(i.order, s)
	}
	return s
}

// apart returns a source over the same rows that only one view reads.
func (i *importer) apart(s *source, wanted string, columns []column) *source {
	own := &source{name: i.sourceNames.take(wanted), feast: s.feast}
	own.add(columns)
	return i.need(own)
}

// reportUnused reports the sources that no view reads.
func (i *importer) reportUnused() {
	used := map[string]bool{}
	var use func(s *feastcore.DataSource)
	use = func(s *feastcore.DataSource) {
		if s != nil {
			used[s.GetName()] = true
			use(s.GetBatchSource())
		}
	}
	for _, v := range i.allViews() {
		use(v.GetBatchSource())
		use(v.GetStreamSource())
	}
	for _, s := range i.registry.GetDataSources() {
		if !used[s.GetName()] && s.GetType() != feastcore.DataSource_REQUEST_SOURCE {
			i.report(kindSource, s.GetName(), "left out: no feature view reads it", "nothing, unless a view over it is still to come")
		}
	}
}

// timeColumns returns the columns of the event time and the ingest time.
func timeColumns(s *feastcore.DataSource) []column {
	at := cmp.Or(s.GetTimestampField(), "event_timestamp")
	columns := []column{{name: at, from: columnOf(s, at)}}
	if created := s.GetCreatedTimestampColumn(); created != "" && created != at {
		columns = append(columns, column{name: created, from: columnOf(s, created)})
	}
	return columns
}

// finishSources writes the sources that views need.
func (i *importer) finishSources() {
	for _, s := range i.order {
		times := timeColumns(s.feast)
		def := schema.Source{
			Name: s.name, TimestampField: times[0].name, TimeZone: "UTC",
			Description: s.feast.GetDescription(), Owner: s.feast.GetOwner(), Tags: s.feast.GetTags(),
		}
		if len(times) > 1 {
			def.CreatedTimestampColumn = times[1].name
		}
		if s.push != nil {
			def.Description = cmp.Or(s.push.GetDescription(), def.Description)
			def.Owner = cmp.Or(s.push.GetOwner(), def.Owner)
			if len(s.push.GetTags()) > 0 {
				def.Tags = s.push.GetTags()
			}
		}
		s.add(times)
		def.Table, def.Query = i.rows(s)
		if s.push != nil && def.Query != "" {
			i.report(kindSource, s.push.GetName(), "its rows are those of a query here, so pushes to it are refused", "name a table with the columns of its views in sources.yaml, or push to a table and let the query read it")
		}
		i.result.Definitions.Sources = append(i.result.Definitions.Sources, def)
	}
}

// rows returns the table or the query that a source reads.
func (i *importer) rows(s *source) (table, query string) {
	plain := !slices.ContainsFunc(s.columns, func(c column) bool { return !c.isPlain() })
	table, query = i.origin(s)
	switch {
	case plain:
		return table, query
	case table != "":
		schemaName, name, found := strings.Cut(table, ".")
		query = quoteIdent(schemaName)
		if found {
			query += "." + quoteIdent(name)
		}
	default:
		query = "(\n" + query + "\n) AS imported"
	}
	selected := make([]string, len(s.columns))
	for n, c := range s.columns {
		selected[n] = c.sql()
	}
	return "", "SELECT " + strings.Join(selected, ", ") + "\nFROM " + query
}

const postgresSource = ".PostgreSQLSource"

// wholeTable matches a query of a whole table, to whose table rows can be pushed.
var wholeTable = regexp.MustCompile(`(?i)^select\s+\*\s+from\s+([a-z0-9_."]+)$`)

// origin returns the table or the query of Feast's source, and reports a source whose rows
// are not in Postgres.
func (i *importer) origin(s *source) (table, query string) {
	f := s.feast
	if !strings.HasSuffix(f.GetDataSourceClassType(), postgresSource) {
		return i.elsewhere(f, i.tableOf(s)), ""
	}
	var options struct{ Table, Query string }
	if err := json.Unmarshal(f.GetCustomOptions().GetConfiguration(), &options); err != nil {
		i.report(kindSource, f.GetName(), "its settings are not the JSON that Feast writes for Postgres; the table is named like the source", "write the table or the query into sources.yaml")
		return i.tableOf(s), ""
	}
	if options.Table != "" {
		return i.postgresTable(options.Table)
	}
	query = strings.TrimRight(strings.TrimSpace(options.Query), "; \t\r\n")
	if query == "" {
		i.report(kindSource, f.GetName(), "it has neither a table nor a query; the table is named like the source", "write the table or the query into sources.yaml")
		return i.tableOf(s), ""
	}
	if all := wholeTable.FindStringSubmatch(query); all != nil {
		if table, query := i.postgresTable(all[1]); table != "" {
			return table, query
		}
	}
	if name := i.config.Offline.Schema; name != "" && name != "public" {
		i.report(kindSource, f.GetName(), fmt.Sprintf("Feast runs its query with the search_path %s,public, and Larder with that of its role", name), fmt.Sprintf("name the schema in the query, or run ALTER ROLE ... SET search_path = %s, public for Larder's role", name))
	}
	return "", query
}

// postgresTable returns a table as definitions name it, or a query where they can't. Feast
// puts the name into SQL as it is, so Postgres reads the name's letters in lower case
// unless they are quoted.
func (i *importer) postgresTable(name string) (table, query string) {
	parts, ok := splitIdent(name)
	if !ok || len(parts) > 2 || slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(p, ".") }) {
		return "", "SELECT * FROM " + name
	}
	if len(parts) == 1 && i.config.Offline.IsPostgres() {
		parts = []string{cmp.Or(i.config.Offline.Schema, "public"), parts[0]}
	}
	return strings.Join(parts, "."), ""
}

// splitIdent reads a name of Postgres, such as public."Drivers".
func splitIdent(name string) (parts []string, ok bool) {
	for rest := strings.TrimSpace(name); ; rest = rest[1:] {
		var part string
		if strings.HasPrefix(rest, `"`) {
			for rest = rest[1:]; ; {
				before, after, found := strings.Cut(rest, `"`)
				if !found {
					return nil, false
				}
				part, rest = part+before, after
				if !strings.HasPrefix(rest, `"`) {
					break
				}
				part, rest = part+`"`, rest[1:]
			}
		} else {
			end := strings.IndexFunc(rest, func(r rune) bool { return !isIdent(r) })
			if end < 0 {
				end = len(rest)
			}
			part, rest = strings.ToLower(rest[:end]), rest[end:]
		}
		if part == "" {
			return nil, false
		}
		parts = append(parts, part)
		if rest == "" {
			return parts, true
		}
		if rest[0] != '.' {
			return nil, false
		}
	}
}

func isIdent(r rune) bool {
	return r == '_' || r == '$' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 127
}

func quoteIdent(name string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(name, "\x00", ""), `"`, `""`) + `"`
}

// tableOf returns the table for the rows of a source that are not in Postgres. Sources over
// the same rows share one.
func (i *importer) tableOf(s *source) string {
	name := cmp.Or(s.feast.GetName(), s.name)
	if i.tables[name] == "" {
		i.tables[name] = i.tableNames.take(name)
	}
	return i.tables[name]
}

// plainWord matches what a shell takes for one word.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./,:@%+=-]+$`)

// shellWord quotes a text for a shell, if it must.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// elsewhere reports how to fill a table with the rows of a source that are not in
// Postgres, and returns the table.
func (i *importer) elsewhere(f *feastcore.DataSource, table string) string {
	what, do := "", ""
	const load = "larder load %s --table %s"
	switch f.GetType() {
	case feastcore.DataSource_BATCH_FILE:
		uri := f.GetFileOptions().GetUri()
		what = "its rows are in the file " + uri
		if scheme, _, isRemote := strings.Cut(uri, "://"); isRemote && scheme != "file" {
			do = "download it, then " + fmt.Sprintf(load, "FILE", table)
		} else {
			do = fmt.Sprintf(load, shellWord(i.file(strings.TrimPrefix(uri, "file://"))), table)
		}
	case feastcore.DataSource_PUSH_SOURCE:
		what = "it has no batch source: pushes are all that it gets"
		do = "create the table with the columns of its views and " + timeColumns(f)[0].name + ", or name in sources.yaml the table that has its history"
	case feastcore.DataSource_STREAM_KAFKA, feastcore.DataSource_STREAM_KINESIS:
		what = "it is a stream without a batch source"
		do = "write its events to the table"
	default:
		what = "its rows are in " + warehouse(f)
		do = "export them as Parquet, then " + fmt.Sprintf(load, "FILE", table)
	}
	i.report(kindSource, f.GetName(), what+"; Larder reads Postgres, and here its views read a table "+table, do)
	return table
}

// file returns the path of a file that a repository names.
func (i *importer) file(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(i.config.Dir, path)
}

// warehouse names where the rows of a source are, with the table or query there.
func warehouse(f *feastcore.DataSource) string {
	name, table, query := "", "", ""
	switch f.GetType() {
	case feastcore.DataSource_BATCH_BIGQUERY:
		name, table, query = "BigQuery", f.GetBigqueryOptions().GetTable(), f.GetBigqueryOptions().GetQuery()
	case feastcore.DataSource_BATCH_SNOWFLAKE:
		name, table, query = "Snowflake", f.GetSnowflakeOptions().GetTable(), f.GetSnowflakeOptions().GetQuery()
	case feastcore.DataSource_BATCH_REDSHIFT:
		name, table, query = "Redshift", f.GetRedshiftOptions().GetTable(), f.GetRedshiftOptions().GetQuery()
	case feastcore.DataSource_BATCH_SPARK:
		name, table, query = "Spark", cmp.Or(f.GetSparkOptions().GetTable(), f.GetSparkOptions().GetPath()), f.GetSparkOptions().GetQuery()
	case feastcore.DataSource_BATCH_TRINO:
		name, table, query = "Trino", f.GetTrinoOptions().GetTable(), f.GetTrinoOptions().GetQuery()
	case feastcore.DataSource_BATCH_ATHENA:
		name, table, query = "Athena", f.GetAthenaOptions().GetTable(), f.GetAthenaOptions().GetQuery()
	case feastcore.DataSource_BATCH_ICEBERG:
		name = "Iceberg"
	default:
		class := f.GetDataSourceClassType()
		name = "a store that only " + cmp.Or(class[strings.LastIndex(class, ".")+1:], "a plug-in") + " reads"
	}
	switch {
	case table != "":
		return name + " (" + table + ")"
	case query != "":
		return name + " (" + strings.Join(strings.Fields(query), " ") + ")"
	}
	return name
}
