{{/* What the objects are called. */}}
{{- define "flowsentry.name" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels by which pods are found: never changed, as no selector may be. */}}
{{- define "flowsentry.selector" -}}
app.kubernetes.io/name: flowsentry
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "flowsentry.labels" -}}
{{ include "flowsentry.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "flowsentry.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end -}}

{{/* What a process of flowsentry may do: next to nothing. */}}
{{- define "flowsentry.securityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
privileged: false
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* Names by which others in the cluster ask: any other is refused, as it could be anybody's. */}}
{{- define "flowsentry.names" -}}
{{- $service := include "flowsentry.name" . -}}
{{- $own := list $service (printf "%s.%s" $service .Release.Namespace) (printf "%s.%s.svc" $service .Release.Namespace)
    (printf "%s.%s.svc.cluster.local" $service .Release.Namespace) -}}
{{- concat $own .Values.http.names | join "," -}}
{{- end -}}
