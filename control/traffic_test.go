package control_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
)

// weights are shares of the traffic, as in "1=95 2=5".
func weights(text string) (all []*larderv1.VersionWeight) {
	for _, field := range strings.Fields(text) {
		w := new(larderv1.VersionWeight)
		if _, err := fmt.Sscanf(field, "%d=%f", &w.ModelVersion, &w.Weight); err != nil {
			panic(err)
		}
		all = append(all, w)
	}
	return all
}

// traffic returns the traffic of m as text.
func (n *node) traffic() string {
	n.t.Helper()
	list, err := n.ListModels(ctx(), &larderv1.ListModelsRequest{Model: "m"})
	must(n.t, err)
	m := list.GetModels()[0]
	t := m.GetTraffic()
	text := fmt.Sprintf("%d serves; by %s, salt %s:", m.GetServe(), t.GetSplitBy(), t.GetSalt())
	for _, w := range t.GetWeights() {
		text += fmt.Sprintf(" %d=%v", w.GetModelVersion(), w.GetWeight())
	}
	if r := t.GetRamp(); r != nil {
		text += fmt.Sprintf("; %d from %v to %v over %d us, tripped: %v", r.GetModelVersion(), r.GetFrom(), r.GetTo(), r.GetOver(), r.GetTrippedAt() != 0)
	}
	return text + fmt.Sprint("; shadows ", m.GetShadow())
}

func (n *node) setTraffic(req *larderv1.SetTrafficRequest) error {
	req.Model = "m"
	_, err := n.SetTraffic(ctx(), req)
	return err
}

// resume resumes the ramp of m as soon as Postgres knows that it tripped.
func (n *node) resume() {
	n.t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		_, err := n.ResumeRamp(ctx(), &larderv1.ResumeRampRequest{Model: "m"})
		if err == nil {
			return
		}
		select {
		case <-deadline:
			n.t.Fatal(err)
		case <-tick.C:
		}
	}
}

// TestTrafficIsSet: commands set weights, a ramp and shadows, and leave unchanged what
// they don't name. A promotion ends the split.
func TestTrafficIsSet(t *testing.T) {
	n := start(t)
	n.mustApply(definitionsOf(base, nil))
	for seed := range uint64(3) {
		n.push(&larderv1.PushModelRequest{Model: "m", Sha256: n.store(network(seed + 1)), FeatureService: "both"})
	}
	f := func(want string, req *larderv1.SetTrafficRequest) {
		t.Helper()
		must(t, n.setTraffic(req))
		if got := n.traffic(); got != want {
			t.Errorf("%s; want %s", got, want)
		}
	}
	refused(t, n.setTraffic(&larderv1.SetTrafficRequest{Weights: weights("2=95 3=5")}), schema.Invalid, "BAD_DEFINITIONS", "split_by", "user_id")
	f("2 serves; by user_id, salt m: 2=95 3=5; shadows []", &larderv1.SetTrafficRequest{Weights: weights("2=95 3=5"), SplitBy: "user_id"})
	f("2 serves; by user_id, salt spring: 2=90 3=10; shadows []", &larderv1.SetTrafficRequest{Weights: weights("2=90 3=10"), Salt: "spring"})
	ramp := &larderv1.RampSettings{ModelVersion: 3, To: 50, Over: 3600e6, Guards: map[string]float64{"error_share": 0.01, "latency_ratio": 2, "window": 60, "min_requests": 100}}
	f("2 serves; by user_id, salt spring: 2=90 3=10; 3 from 10 to 50 over 3600000000 us, tripped: false; shadows []", &larderv1.SetTrafficRequest{Ramp: ramp})
	refused(t, n.setTraffic(&larderv1.SetTrafficRequest{Shadow: &larderv1.ShadowSettings{ModelVersions: []int64{1}}}), schema.Invalid, "BAD_DEFINITIONS", "write log: {rate: 1}")
	ramp.Guards["errors"] = 1
	refused(t, n.setTraffic(&larderv1.SetTrafficRequest{Ramp: ramp}), schema.Invalid, "UNKNOWN_GUARD", `no guard "errors"`)

	id := n.Registry.Rollouts()["m"].ID
	_, err := n.ResumeRamp(ctx(), &larderv1.ResumeRampRequest{Model: "m"})
	refused(t, err, schema.FailedPrecondition, "NOT_TRIPPED")
	n.Registry.Trip("m", id, "here", "slow")
	if got := n.traffic(); got != "2 serves; by user_id, salt spring: 2=100 3=0; 3 from 10 to 50 over 3600000000 us, tripped: true; shadows []" {
		t.Error(got)
	}
	n.resume()
	f("2 serves; by user_id, salt spring: 2=90 3=10; shadows []", &larderv1.SetTrafficRequest{Weights: weights("2=90 3=10")})
	n.promote(3)
	if got := n.served("m"); got != "both serves 3 of 1 2 3" {
		t.Error(got)
	}
}
