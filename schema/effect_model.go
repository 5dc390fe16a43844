package schema

import (
	"fmt"
	"strings"
)

func (d *differ) modelEffect(c Change, path []string) string {
	if len(path) == 0 {
		return ""
	}
	switch path[0] {
	case "serve":
		return d.serveEffect(c)
	case "traffic":
		return d.trafficEffect(c)
	case "split_by", "salt":
		if m := d.after.Model(c.Name); !m.Splits() {
			return "" // the effect of traffic says what scores
		}
		return splitsAnew
	case "ramp":
		return d.rampEffect(c)
	case "shadow":
		return "shadow scores are not returned; they go to the feature log"
	case "rollout":
		return rolloutEffect(c)
	case "monitor":
		return "responses do not change; servers count what the model is fed differently"
	case "labels":
		return "responses do not change; larder experiment reads these labels"
	case "on_missing":
		return answersChange
	case "inputs":
		return answersChange
	case "limits", "batching", "providers":
		return "every version of the model is loaded again; the old one serves meanwhile"
	case "feature_service":
		return vectorChanges
	case "mlflow":
		return "servers follow this alias from now on"
	case "versions":
		if len(path) == 2 && c.Action == Remove {
			return "requests that name it are refused"
		}
		if len(path) == 3 && path[2] != "onnx" && path[2] != "dataset" && path[2] != "from" {
			return scoresChange
		}
	}
	return ""
}

// serveEffect says which version scores requests that name none. A version that is
// written down where it was the only one serves on.
func (d *differ) serveEffect(c Change) string {
	before, after := d.before.Model(c.Name), d.after.Model(c.Name)
	switch served := after.Served(); {
	case after.Splits(), served == 0:
		return "" // the effect of traffic says what scores
	case !before.Splits() && before.Served() == served:
		return fmt.Sprintf("version %d still scores requests that name no version", served)
	default:
		return fmt.Sprintf("requests that name no version are scored by version %d at once", served)
	}
}

// trafficEffect says which share of the traffic each version gets.
func (d *differ) trafficEffect(c Change) string {
	m := d.after.Model(c.Name)
	if !m.Splits() {
		return "one version scores all requests at once"
	}
	shares := make([]string, len(m.Traffic))
	for i, w := range m.Traffic {
		shares[i] = fmt.Sprintf("%v %% by version %d", float64(w.Weight), w.Version)
	}
	return "scored at once: " + strings.Join(shares, ", ")
}

// rampEffect: a ramp that continues keeps its start, and a tripped guard stays tripped.
func (d *differ) rampEffect(c Change) string {
	if c.After == "" {
		return "the traffic weights apply at once"
	}
	if c.Action == Add {
		return "the ramp starts at once"
	}
	return "the ramp restarts, unless only its guards change"
}

func rolloutEffect(c Change) string {
	if strings.Contains(c.After, string(CommandsDecide)) {
		return "what serves stays as it is when files are applied; write rollout: file into the model to let its file decide"
	}
	return "files decide which versions serve"
}
