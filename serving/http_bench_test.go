package serving_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"larder/internal/grpcserver"
	"larder/serving"
)

// BenchmarkHTTP scores over HTTP JSON on the loopback, in turns with a bare net/http
// server that sends answers of the same size: x-echo is the ratio of their times.
func BenchmarkHTTP(b *testing.B) {
	s := wide(b, 5, serving.Options{})
	s.listen(grpcserver.Options{})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4, DisableCompression: true}}
	post := func(url string, body []byte) []byte {
		resp, err := client.Post(url, "application/json", bytes.NewReader(body))
		s.check(err)
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		s.check(err)
		if resp.StatusCode != http.StatusOK {
			b.Fatalf("%d: %s", resp.StatusCode, answer)
		}
		return answer
	}
	for _, rows := range []int{1, 100} {
		for _, returnFeatures := range []bool{false, true} {
			b.Run(fmt.Sprintf("rows=%d/features=50/returned=%v", rows, returnFeatures), func(b *testing.B) {
				ids := strings.TrimSuffix(strings.Repeat("7,", rows), ",")
				body := fmt.Appendf(nil, `{"model": "wide", "entities": {"id": [%s]}, "at": "2025-06-15T15:06:40.000001Z", "return_features": %v}`, ids, returnFeatures)
				answer := post(s.http+"/v1/score", body)
				echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = w.Write(answer)
				}))
				defer echo.Close()
				post(echo.URL, body)
				b.ReportAllocs()
				b.ResetTimer()
				var took [2]time.Duration
				for range b.N {
					for i, url := range []string{s.http + "/v1/score", echo.URL} {
						began := time.Now()
						post(url, body)
						took[i] += time.Since(began)
					}
				}
				b.ReportMetric(float64(took[0])/float64(took[1]), "x-echo")
				b.ReportMetric(float64(took[0].Nanoseconds())/float64(b.N), "ns/request")
			})
		}
	}
}
