// Package diskspace says how much room a disk has, and which errors mean that a disk,
// rather than a setting, is at fault.
package diskspace
