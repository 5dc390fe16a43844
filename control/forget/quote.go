package forget

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"larder/schema"
	"larder/store/registry"
)

// A quoted key is what texts may quote of it: of each part, the ways to write it.
type quoted [][]string

// shownBytes is how much of a value a sample of a bad row shows at least.
const shownBytes = 40

func quotedOf(key []any) quoted {
	var q quoted
	for _, v := range key {
		text := textOf(v)
		ways := []string{clipped(text)}
		for _, other := range []string{strconv.Quote(text), string(schema.AppendValue(nil, v))} {
			if inner := clipped(strings.Trim(other, `"`)); inner != ways[0] {
				ways = append(ways, inner)
			}
		}
		q = append(q, ways)
	}
	return q
}

func clipped(s string) string { return s[:min(len(s), shownBytes)] }

// in reports whether a text quotes all parts of the key.
func (q quoted) in(text string) bool {
	for _, ways := range q {
		found := false
		for _, way := range ways {
			found = found || contains(text, way)
		}
		if !found {
			return false
		}
	}
	return true
}

// anyOf returns what reports whether a text quotes one of some keys. Those that begin with
// a word are found by the words of the text, however many there are.
func anyOf(keys []quoted) func(text string) bool {
	byWord, others := map[string][]quoted{}, []quoted{}
	for _, k := range keys {
		first := k[0]
		if len(first) == 1 && len(first[0]) < shownBytes && strings.IndexFunc(first[0], func(r rune) bool { return !inWord(r) }) < 0 {
			byWord[first[0]] = append(byWord[first[0]], k)
		} else {
			others = append(others, k)
		}
	}
	return func(text string) bool {
		in := func(k quoted) bool { return k.in(text) }
		if slices.ContainsFunc(others, in) {
			return true
		}
		for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !inWord(r) }) {
			if slices.ContainsFunc(byWord[word], in) {
				return true
			}
		}
		return false
	}
}

func inWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// contains reports whether a text has a word, and not only as a part of a longer one.
func contains(text, word string) bool {
	if word == "" {
		return false
	}
	first, _ := utf8.DecodeRuneInString(word)
	last, _ := utf8.DecodeLastRuneInString(word)
	for from := 0; ; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return false
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(word):])
		cutBefore := at == 0 || !inWord(first) || !inWord(before)
		cutAfter := at+len(word) == len(text) || !inWord(last) || !inWord(after) || len(word) == shownBytes
		if cutBefore && cutAfter {
			return true
		}
		from = at + 1
	}
}

// deadMatcher finds the dead letters of a stream that have a key.
type deadMatcher struct {
	stream *schema.Stream
	fields []*schema.StreamField   // of the join keys
	quotes func(text string) bool  // whether a text quotes one of the keys
	hashed func(values []any) bool // whether these are the values of a key
	unread int                     // letters that are not text, and that could not be searched for numbers
}

// has reports whether a letter has one of the keys. A JSON message is read; any other, and one
// that is cut or no JSON, is searched for the keys as words, which may find more.
func (m *deadMatcher) has(d *registry.DeadText) bool {
	if m.quotes(d.Detail) {
		return true
	}
	if values, read := m.read(d.Message); read {
		return m.hashed(values)
	}
	if m.stream.Format != nil && m.stream.Format.Type != schema.JSONFormat && m.stream.Format.Type != "" {
		m.unread++
	}
	return m.quotes(string(d.Message))
}

// read returns the values of the join keys in a message that is JSON and has all of them.
func (m *deadMatcher) read(message []byte) (values []any, ok bool) {
	var object map[string]json.RawMessage
	for _, f := range m.fields {
		path := strings.Split(f.ValuePath(), ".")
		raw := json.RawMessage(message)
		for _, name := range path {
			if json.Unmarshal(raw, &object) != nil {
				return nil, false
			}
			if raw = object[name]; raw == nil {
				return nil, false
			}
			object = nil
		}
		value, err := schema.ParseValue(f.Type, raw)
		if err != nil || value == nil {
			return nil, false
		}
		values = append(values, value)
	}
	return values, true
}

// textOf returns a value of a key as Postgres reads it.
func textOf(v any) string {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case int32:
		return strconv.FormatInt(int64(v), 10)
	case int64:
		return strconv.FormatInt(v, 10)
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.999999Z07:00")
	case string:
		return v
	case []byte:
		return `\x` + hex.EncodeToString(v)
	}
	return ""
}
