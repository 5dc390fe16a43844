package integration_test

import (
	"net"
	"strings"
	"testing"
)

// TestPlanes: with a port of its own for the control plane, each port answers its plane and
// health, and nothing of the other.
func TestPlanes(t *testing.T) {
	t.Parallel()
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	controlGRPC, controlHTTP := free(), free()
	c := startClosed(t, "--control-addr", controlGRPC, "--control-http-addr", controlHTTP)
	key := c.rootKey()
	data := c.server
	control := &closed{server: &server{t: t, grpc: controlGRPC, http: controlHTTP}, trusted: c.trusted}
	dataConn, dataWeb := c.dial(caller{bearer: key})
	controlConn, controlWeb := control.dial(caller{bearer: key})
	calls := (&closed{server: &server{t: t, grpc: controlGRPC, http: controlHTTP}, trusted: c.trusted}).calls(controlConn, controlWeb, key)
	of := map[string]int{}
	for _, x := range calls {
		there := func(c *closed, m string) bool { return !strings.Contains(m, "at this port") }
		_, onData := (&closed{server: data, trusted: c.trusted}).try(dataConn, dataWeb, x, key)
		_, onControl := control.try(controlConn, controlWeb, x, key)
		switch onBoth, d, k := there(c, onData) && there(control, onControl), there(c, onData), there(control, onControl); {
		case onBoth:
			of["both"]++
			if !strings.Contains(strings.ToLower(x.name), "health") && !strings.Contains(x.name, "Serv") && !strings.Contains(x.name, "AccessService") && !strings.HasPrefix(x.name, "GET /v2") &&
				!strings.Contains(x.name, "readyz") && x.name != "GET /" && x.name != "GET /openapi.json" && !strings.HasSuffix(x.name, "/GetPlan") {
				t.Errorf("%s is answered on both ports", x.name)
			}
		case d:
			of["data"]++
			if strings.Contains(x.name, "ControlService") || strings.Contains(x.name, "arrow.flight") {
				t.Errorf("%s is answered on the data port", x.name)
			}
		case k:
			of["control"]++
			if strings.Contains(x.name, "ServingService/GetFeatures") || strings.Contains(x.name, "/v1/score") {
				t.Errorf("%s is answered on the control port", x.name)
			}
		default:
			t.Errorf("%s is answered nowhere: %s; %s", x.name, onData, onControl)
		}
	}
	if of["both"] < 10 || of["data"] < 15 || of["control"] < 50 {
		t.Errorf("%v", of)
	}
	if code, body := c.fetch(dataWeb, call{name: "GET /metrics"}, key); code != 404 {
		t.Errorf("metrics on the data port: %d %s", code, body)
	}
	if code, _ := control.fetch(controlWeb, call{name: "GET /metrics"}, key); code != 200 {
		t.Errorf("metrics on the control port: %d", code)
	}
}
