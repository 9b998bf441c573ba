// Writes src/sim/api/protobuf-fields.ts: the fields of the built-in kinds by their protobuf numbers, from the Go types of k8s.io/api.
// In a module of its own that requires k8s.io/client-go: go run . > protobuf-fields.ts
package main

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
)

var groups = strings.Split("v1 admissionregistration.k8s.io/v1 apps/v1 authentication.k8s.io/v1 authorization.k8s.io/v1 autoscaling/v1 autoscaling/v2 batch/v1 certificates.k8s.io/v1 coordination.k8s.io/v1 discovery.k8s.io/v1 events.k8s.io/v1 networking.k8s.io/v1 node.k8s.io/v1 policy/v1 rbac.authorization.k8s.io/v1 resource.k8s.io/v1 scheduling.k8s.io/v1 scheduling.k8s.io/v1beta1 storage.k8s.io/v1", " ")

var special = map[reflect.Type]string{
	reflect.TypeOf(resource.Quantity{}):    "q",
	reflect.TypeOf(metav1.Time{}):          "t",
	reflect.TypeOf(metav1.MicroTime{}):     "u",
	reflect.TypeOf(metav1.Duration{}):      "d",
	reflect.TypeOf(intstr.IntOrString{}):   "x",
	reflect.TypeOf(runtime.RawExtension{}): "r",
	reflect.TypeOf(metav1.FieldsV1{}):      "r",
}

const head = `/**
 * The fields of the built-in kinds by their protobuf numbers. Generated from the Go types of k8s.io/api
 * (test/build/protobuf-fields/main.go). The notation is told in protobuf.ts.
 */
export const PROTOBUF_FIELDS = ` + "`\n"

var names = map[reflect.Type]string{}
var taken = map[string]bool{}
var lines = map[string]string{}

func nameOf(t reflect.Type) string {
	if name, ok := names[t]; ok {
		return name
	}
	name := t.Name()
	if taken[name] {
		parts := strings.Split(t.PkgPath(), "/")
		name = parts[len(parts)-2] + parts[len(parts)-1] + "." + name
	}
	taken[name] = true
	names[t] = name
	var fields []string
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		tag := strings.Split(field.Tag.Get("protobuf"), ",")
		if len(tag) < 2 {
			continue
		}
		json := strings.Split(field.Tag.Get("json"), ",")
		shown := json[0]
		if shown == "" {
			shown = "<"
		}
		fields = append(fields, tag[1]+":"+shown+":"+typeOf(field.Type))
	}
	lines[name] = strings.TrimSpace(name + " " + strings.Join(fields, " "))
	return name
}

func typeOf(t reflect.Type) string {
	if short, ok := special[t]; ok {
		return short
	}
	switch t.Kind() {
	case reflect.Ptr:
		return typeOf(t.Elem()) + "?"
	case reflect.String:
		return "s"
	case reflect.Bool:
		return "b"
	case reflect.Int32, reflect.Int64:
		return "i"
	case reflect.Float64:
		return "f"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "y"
		}
		if t.Name() != "" && t.Elem().Kind() == reflect.String {
			return "l"
		}
		return "[" + typeOf(t.Elem()) + "]"
	case reflect.Map:
		return "{" + typeOf(t.Elem()) + "}"
	case reflect.Struct:
		return nameOf(t)
	}
	panic(t.String())
}

func main() {
	var kinds []string
	wanted := map[string]bool{}
	for _, group := range groups {
		wanted[group] = true
	}
	var gvks []string
	byName := map[string]reflect.Type{}
	for gvk, t := range scheme.Scheme.AllKnownTypes() {
		id := gvk.GroupVersion().String() + "/" + gvk.Kind
		if wanted[gvk.GroupVersion().String()] && !strings.HasSuffix(gvk.Kind, "List") && !strings.HasSuffix(gvk.Kind, "Options") && gvk.Kind != "WatchEvent" && gvk.Kind != "Status" && gvk.Kind != "RangeAllocation" {
			gvks = append(gvks, id)
			byName[id] = t
		}
	}
	sort.Strings(gvks)
	for _, id := range gvks {
		kinds = append(kinds, "@"+id+" "+nameOf(byName[id]))
	}
	kinds = append(kinds, "@DeleteOptions "+nameOf(reflect.TypeOf(metav1.DeleteOptions{})))
	var all []string
	for _, line := range lines {
		all = append(all, line)
	}
	sort.Strings(all)
	fmt.Print(head)
	fmt.Println(strings.Join(append(kinds, all...), "\n"))
	fmt.Println("`;")
}
