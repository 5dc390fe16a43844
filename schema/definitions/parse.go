package definitions

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"larder/schema"
)

// A File is one definition file.
type File struct {
	Name string // as errors name it
	Data []byte
}

// The limits on one file.
const (
	MaxFileBytes = 4 << 20
	maxNesting   = 32    // of [ and {, and of "- " on one line; definitions need only 4
	maxKeys      = 5_000 // of one mapping in lines; the parser's time grows with their square
)

// The limits on what is reported.
const (
	maxErrors       = 1_000
	maxMessageRunes = 1_000
)

// Parse reads files, in the order given, and merges them. The error is Errors.
//
// It has no folder, so every model version must give its sha256.
func Parse(files []File) (*schema.Definitions, error) {
	r := newReader()
	for _, f := range files {
		r.file(f)
	}
	return r.finish()
}

// A reader merges the definitions of several files.
type reader struct {
	defs  schema.Definitions
	errs  Errors // at most maxErrors
	first *Error // the first of those beyond maxErrors
	more  int    // how many are beyond maxErrors

	at      map[string]place // the place of each value, by its path as in schema.Problem
	faulty  map[string]bool  // the paths of values that could not be read
	unknown map[string]bool  // the paths of mappings with a key that doesn't exist
	partial bool             // a fault may hide names, so dangling references are not reported
}

type place struct {
	file         string
	line, column int
}

func newReader() *reader {
	return &reader{at: map[string]place{}, faulty: map[string]bool{}, unknown: map[string]bool{}}
}

func (r *reader) addf(at place, format string, args ...any) {
	e := &Error{File: at.file, Line: at.line, Column: at.column}
	if len(r.errs) < maxErrors {
		e.Message = clip(oneLine(fmt.Sprintf(format, args...)), maxMessageRunes)
		r.errs = append(r.errs, e)
		return
	}
	if r.more++; r.more == 1 {
		r.first = e
	}
}

// oneLine puts text from a file, such as a name with line breaks, on one line of a
// message.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\t' {
			return ' '
		}
		return c
	}, s)
}

// finish validates the definitions that were read.
func (r *reader) finish() (*schema.Definitions, error) {
	var problems schema.Problems
	r.defs.Qualify()
	if err := r.defs.ValidateFolder(); err != nil && !errors.As(err, &problems) {
		return nil, err
	}
	for _, p := range problems {
		if at, mine := r.locate(p); mine {
			r.addf(at, "%s", p.Message)
		}
	}
	if len(r.errs) > 0 {
		r.errs.sort()
		if r.more > 0 {
			r.first.Message = fmt.Sprintf("%d more errors; fix those above first", r.more)
			r.errs = append(r.errs, r.first)
		}
		return nil, r.errs
	}
	return &r.defs, nil
}

// locate returns the place of a problem: its value, or what the value is missing from.
// It returns false for a problem that only follows from a fault that is already
// reported.
func (r *reader) locate(p schema.Problem) (place, bool) {
	if p.Dangling && r.partial {
		return place{}, false
	}
	for path := p.Path; ; path = parent(path) {
		if r.faulty[path] || path != p.Path && r.unknown[path] {
			return place{}, false
		}
		if at, found := r.at[path]; found {
			return at, true
		}
		if path == "" {
			return place{}, false // nothing was read; that is reported already
		}
	}
}

// parent returns the path of the mapping or list that holds a value.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// file reads one file.
func (r *reader) file(f File) {
	if len(f.Data) > MaxFileBytes {
		r.unreadable(place{f.Name, 1, 1}, "the file has %d bytes (limit %d); split it", len(f.Data), MaxFileBytes)
		return
	}
	text, ok := r.text(f)
	if !ok {
		return
	}
	tokens := lexer.Tokenize(text)
	if !r.plain(f.Name, tokens) {
		r.partial = true
		return
	}
	w := walker{reader: r, name: f.Name}
	for _, tokens := range documents(tokens) {
		parsed, err := parseTokens(tokens)
		if err != nil {
			r.syntax(f.Name, err)
			return
		}
		for _, doc := range parsed.Docs {
			w.document(doc)
		}
	}
}

// text returns the characters of a file, without a byte order mark.
func (r *reader) text(f File) (string, bool) {
	text := strings.TrimPrefix(string(f.Data), "\uFEFF")
	line, column := 1, 1
	for i, c := range text {
		switch {
		case c == '\n':
			line, column = line+1, 1
			continue
		case c == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
			r.unreadable(place{f.Name, line, column}, "byte %#x is not UTF-8; save the file as UTF-8", text[i])
			return "", false
		case c < ' ' && c != '\t' && c != '\r':
			r.unreadable(place{f.Name, line, column}, "the file has a control character (%U) here; remove it", c)
			return "", false
		}
		column++
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n" // without it the lexer drops an unfinished tag
	}
	return text, true
}

// syntax reports a syntax error of the parser.
func (r *reader) syntax(name string, err error) {
	at, message := place{name, 1, 1}, ""
	var syntax yaml.Error
	if errors.As(err, &syntax) { // its Error prints a long excerpt of the file
		at, message = placeOf(name, syntax.GetToken()), syntax.GetMessage()
	} else {
		message = err.Error()
	}
	if strings.Contains(message, "'\t'") {
		message += "; indent with spaces"
	}
	r.unreadable(at, "this is not YAML: %s", message)
}

func (r *reader) unreadable(at place, format string, args ...any) {
	r.partial = true
	r.addf(at, format, args...)
}

// documents splits the tokens of a file into its documents and drops the empty ones.
// The parser can do that too, but it stops at the first empty document and recurses
// once per document.
func documents(tokens token.Tokens) []token.Tokens {
	var all []token.Tokens
	first, empty := 0, true
	cut := func(end int) {
		if !empty {
			all = append(all, tokens[first:end])
		}
		first, empty = end, true
	}
	for i, t := range tokens {
		switch t.Type {
		case token.DocumentHeaderType:
			cut(i)
		case token.DocumentEndType:
			cut(i + 1)
		case token.CommentType:
		default:
			empty = false
		}
	}
	cut(len(tokens))
	return all
}

// parseTokens turns a panic of the parser into an error, because its input is not trusted.
func parseTokens(tokens token.Tokens) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("the YAML parser panicked: %v", p)
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// An indentation counts the keys of the mappings in lines that are open, from the outermost.
type indentation []struct{ column, keys int }

// entry ends the mappings that are further right than an entry of a list.
func (in *indentation) entry(column int) {
	for n := len(*in); n > 0 && (*in)[n-1].column > column; n-- {
		*in = (*in)[:n-1]
	}
}

// key counts a key, and returns how many its mapping has now.
func (in *indentation) key(column int) int {
	in.entry(column)
	if n := len(*in); n == 0 || (*in)[n-1].column < column {
		*in = append(*in, struct{ column, keys int }{column: column})
	}
	last := &(*in)[len(*in)-1]
	last.keys++
	return last.keys
}

// plain reports what is refused before parsing: anchors and similar syntax, nesting that
// would exhaust the parser's stack, and mappings that would take it minutes.
func (r *reader) plain(name string, tokens token.Tokens) bool {
	before := len(r.errs)
	flow, line, dashes, keys := 0, 0, 0, 0
	var open indentation
	for i, t := range tokens {
		at := placeOf(name, t)
		if at.line != line {
			line, dashes = at.line, 0
		}
		switch t.Type {
		case token.AnchorType, token.AliasType:
			r.addf(at, "anchors and aliases (& and *) are not supported; write the value itself, or quote a string that starts with & or *")
		case token.MergeKeyType:
			r.addf(at, "merge keys (<<) are not supported; write the keys themselves")
		case token.TagType:
			r.addf(at, "tags (%s) are not supported; write the value alone, or quote a string that starts with !", t.Value)
		case token.DirectiveType:
			r.addf(at, "directives (%%) are not supported; remove the line, or quote a string that starts with %%")
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(0, flow-1)
		case token.DocumentHeaderType:
			open = open[:0]
		case token.SequenceEntryType:
			dashes++
			open.entry(at.column)
		case token.MappingKeyType:
			dashes++
			keys = open.key(at.column)
		case token.MappingValueType:
			if i > 0 && flow == 0 {
				keys = open.key(placeOf(name, tokens[i-1]).column)
			}
		}
		if keys > maxKeys {
			r.addf(at, "more than %d keys in one mapping; a definition has few, and lists of definitions begin with -", maxKeys)
			return false
		}
		if flow > maxNesting || dashes > maxNesting {
			r.addf(at, "more than %d nested lists or mappings; flatten them", maxNesting)
			return false
		}
	}
	return len(r.errs) == before
}

func placeOf(name string, t *token.Token) place {
	at := place{name, 1, 1}
	if t != nil && t.Position != nil {
		at.line, at.column = max(1, t.Position.Line), max(1, t.Position.Column)
	}
	return at
}
