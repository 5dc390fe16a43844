package codec

import "bytes"

// Split returns the messages of a body that holds several: the elements of a JSON array,
// or else lines (NDJSON), of which empty ones don't count. A body that is one JSON value
// is one message. The messages are parts of the body. A byte order mark before it, as
// Windows writes, is left out. Of lines nothing is checked, so that
// a bad one spoils no other. The error, of a body that can't be split or holds more than
// max messages, is a *BadMessage.
func Split(body []byte, max int) ([][]byte, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	s := scanner{data: body}
	switch s.peek() {
	case 0:
		if s.pos < len(s.data) {
			return nil, bad(Undecodable, "the body begins with a zero byte; send JSON")
		}
		return nil, nil
	case '[':
		return splitArray(&s, max)
	}
	if s.skip(0) == nil && s.end() == nil {
		return [][]byte{bytes.TrimSpace(body)}, within(1, max)
	}
	return splitLines(body, max)
}

func splitArray(s *scanner, max int) ([][]byte, error) {
	var messages [][]byte
	err := s.elements(0, func() error {
		s.peek()
		start := s.pos
		if err := s.skip(1); err != nil {
			return err
		}
		messages = append(messages, s.data[start:s.pos:s.pos])
		return within(len(messages), max)
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return nil, err
	}
	return messages, nil
}

func splitLines(body []byte, max int) ([][]byte, error) {
	var messages [][]byte
	for line := range bytes.SplitSeq(body, []byte{'\n'}) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		messages = append(messages, line[:len(line):len(line)])
		if err := within(len(messages), max); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

func within(messages, max int) error {
	if messages > max {
		return bad(TooLarge, "the body has more than %d messages; send fewer at once", max)
	}
	return nil
}
