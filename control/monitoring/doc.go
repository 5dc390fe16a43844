// Package monitoring keeps what servers counted of models in the registry, and compares it with the
// references of the models' versions.
package monitoring
