package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"larder/schema"
)

// A unit is what an integer of a message counts, when --json says it otherwise.
type unit int

const (
	instant  unit = iota + 1 // microseconds since 1970 UTC, printed as RFC 3339
	duration                 // microseconds, printed as seconds with their unit: "300s"
)

// units has the fields of all messages that are times or durations.
var units = map[protoreflect.FullName]unit{
	"larder.v1.Version.applied_at":                     instant,
	"larder.v1.MaterializeRequest.from":                instant,
	"larder.v1.MaterializeRequest.to":                  instant,
	"larder.v1.Run.from":                               instant,
	"larder.v1.Run.to":                                 instant,
	"larder.v1.Run.started_at":                         instant,
	"larder.v1.Run.ended_at":                           instant,
	"larder.v1.Expectation.age":                        duration,
	"larder.v1.Expectation.max_age":                    duration,
	"larder.v1.GetStatusResponse.started_at":           instant,
	"larder.v1.GetStatusResponse.postgres_answered_at": instant,
	"larder.v1.GetStatusResponse.clock_ahead":          duration,
	"larder.v1.Building.since":                         instant,
	"larder.v1.Building.until":                         instant,
	"larder.v1.ViewStatus.watermark":                   instant,
	"larder.v1.ViewStatus.newest_event_time":           instant,
	"larder.v1.ViewStatus.next_run_at":                 instant,
	"larder.v1.ViewStatus.freshness":                   duration,
	"larder.v1.ViewStatus.schedule":                    duration,
	"larder.v1.RampStatus.over":                        duration,
	"larder.v1.RampStatus.began":                       instant,
	"larder.v1.RampStatus.tripped_at":                  instant,
	"larder.v1.ModelSource.looked_at":                  instant,
	"larder.v1.RampSettings.over":                      duration,
	"larder.v1.ModelVersionStatus.added_at":            instant,
	"larder.v1.ViewVerification.time":                  instant,
	"larder.v1.Dataset.created_at":                     instant,
	"larder.v1.GetExperimentRequest.since":             instant,
	"larder.v1.GetExperimentRequest.until":             instant,
	"larder.v1.ExperimentReport.since":                 instant,
	"larder.v1.ExperimentReport.until":                 instant,
	"larder.v1.LoggedRow.at":                           instant,
	"larder.v1.GetFeaturesRequest.at":                  instant,
	"larder.v1.GetFeaturesAndScoreRequest.at":          instant,
	"larder.v1.ViewRead.ages":                          duration,
	"larder.v1.ForgetReport.requested_at":              instant,
	"larder.v1.ForgetReport.done_at":                   instant,
	"larder.v1.ForgottenPlace.at":                      instant,
	"larder.v1.AwayServer.seen_ago":                    duration,
	"larder.v1.Column.timestamps":                      instant,
}

// printJSON prints a message as JSON: protobuf's, except times and durations.
func printJSON(w io.Writer, m proto.Message) error {
	raw, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		return err
	}
	var v any // protojson varies its spaces on purpose; encoding/json doesn't
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	if err := readable(v, m.ProtoReflect().Descriptor()); err != nil {
		return err
	}
	return encodeJSON(w, v)
}

// encodeJSON prints what --json asks for.
func encodeJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(v)
}

// readable replaces the times and durations of a message's JSON.
func readable(v any, message protoreflect.MessageDescriptor) error {
	fields, isObject := v.(map[string]any)
	if !isObject {
		return nil // null, or a message with a form of its own
	}
	for name, value := range fields {
		field := message.Fields().ByName(protoreflect.Name(name))
		if field == nil {
			continue
		}
		var err error
		if u := units[field.FullName()]; u != 0 {
			fields[name], err = u.readable(value)
		} else {
			err = readableField(value, field)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", field.FullName(), err)
		}
	}
	return nil
}

func readableField(value any, field protoreflect.FieldDescriptor) error {
	message := field.Message()
	if field.IsMap() {
		message = field.MapValue().Message()
	}
	if message == nil {
		return nil
	}
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			if err := readable(element, message); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		if field.IsMap() {
			for _, element := range value {
				if err := readable(element, message); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return readable(value, message)
}

// readable returns the text of a number, or of all numbers of a list.
func (u unit) readable(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []any:
		for i := range v {
			var err error
			if v[i], err = u.text(v[i], true); err != nil {
				return nil, err
			}
		}
		return v, nil
	case map[string]any: // the values of a column
		_, err := u.readable(v["values"])
		return v, err
	}
	return u.text(v, false)
}

// text returns a number's text. A single time of 0 stands for none.
func (u unit) text(v any, listed bool) (any, error) {
	micros, err := strconv.ParseInt(fmt.Sprint(v), 10, 64) // protojson quotes them
	if err != nil {
		return nil, err
	}
	switch {
	case u == duration:
		return secondsText(micros), nil
	case micros == 0 && !listed, micros == schema.BeginningOfTime:
		return nil, nil
	}
	t := time.UnixMicro(micros).UTC()
	if t.Year() < 0 || t.Year() > 9999 { // no RFC 3339
		return v, nil
	}
	return t.Format(time.RFC3339Nano), nil
}

// secondsText returns microseconds as protobuf's JSON writes durations.
func secondsText(micros int64) string {
	sign := ""
	if micros < 0 {
		sign = "-"
	}
	whole, rest := micros/1_000_000, micros%1_000_000
	text := fmt.Sprintf("%s%d.%06d", sign, max(whole, -whole), max(rest, -rest))
	return strings.TrimRight(strings.TrimRight(text, "0"), ".") + "s"
}
