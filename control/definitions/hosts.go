package definitions

import (
	"cmp"
	"net"
	"net/url"

	"larder/schema"
)

// The ports of addresses that name none.
var defaultPorts = map[string]string{"http": "80", "https": "443", "amqp": "5672", "amqps": "5671", "nats": "4222", "tls": "4222"}

// addressesOf returns where a stream makes the server connect to, as HOST:PORT: its brokers
// and its schema registry.
func addressesOf(s *schema.Stream) []string {
	var all, urls []string
	if s.Kafka != nil {
		all = append(all, s.Kafka.Brokers...)
	}
	if s.RabbitMQ != nil {
		urls = append(urls, s.RabbitMQ.URL)
	}
	if s.NATS != nil {
		urls = append(urls, s.NATS.Servers...)
	}
	if s.Format != nil && s.Format.Registry != "" {
		urls = append(urls, s.Format.Registry)
	}
	for _, text := range urls {
		if u, err := url.Parse(text); err == nil {
			all = append(all, net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), defaultPorts[u.Scheme])))
		}
	}
	return all
}

// checkHosts returns an error for a stream that is at a host which the operator doesn't
// allow. Hosts that brokers name are checked when they are connected to.
func (e *Editor) checkHosts(s *schema.Stream) error {
	for _, address := range addressesOf(s) {
		if err := e.Hosts.Allows(address); err != nil {
			return schema.HostNotAllowed.Errorf("stream %q: %v", s.Name, err)
		}
	}
	return nil
}
