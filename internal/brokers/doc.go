// Package brokers starts private brokers for tests: Kafka, RabbitMQ, and Apicurio's schema
// registry. Each listens on free ports of the loopback, keeps its files in a folder of the
// test, and ends with the test, also when that is killed.
//
// The programs are in the folder that LARDER_BROKERS names; `make streams` fetches them and
// sets it.
package brokers
