{{/* What all pods have in common. Takes the root; the caller indents. */}}
{{- define "latent-farm.pod" -}}
enableServiceLinks: false # else a Service 'farm-dashboard' would set FARM_DASHBOARD_PORT in every pod
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* Another value starts pods anew: a hash of their settings. Takes a list: the root, and what of the pools concerns them. */}}
{{- define "latent-farm.checksum" -}}
{{- $values := (index . 0).Values -}}
checksum/settings: {{ list $values.settings $values.variables $values.metrics (index . 1) $values.models $values.adapters $values.secret | toJson | sha256sum }}
{{- end }}

{{- define "latent-farm.container" -}}
{{- if not .Values.secret.asFile }}
envFrom:
  - configMapRef: {name: {{ .Release.Name }}-settings}
  - secretRef: {name: {{ .Values.secret.name }}}
{{- else }}
envFrom:
  - configMapRef: {name: {{ .Release.Name }}-settings}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: catalog, mountPath: /etc/latent-farm, readOnly: true}
  - {name: data, mountPath: /var/lib/latent-farm}
  - {name: tmp, mountPath: /tmp}
  - {name: files, mountPath: /etc/latent-farm-files, readOnly: true}
{{- if .Values.secret.asFile }}
  - {name: secrets, mountPath: /etc/latent-farm-secrets, readOnly: true}
{{- end }}
{{- end }}

{{- define "latent-farm.volumes" -}}
- {name: catalog, configMap: {name: {{ .Release.Name }}-catalog}}
- {name: data, emptyDir: {}}
- {name: tmp, emptyDir: {}}
- {name: files, secret: {secretName: {{ .Values.secret.files }}, optional: true, defaultMode: 288}} # 0440
{{- if .Values.secret.asFile }}
- {name: secrets, secret: {secretName: {{ .Values.secret.name }}, defaultMode: 288}} # 0440
{{- end }}
{{- end }}

{{- define "latent-farm.settings" -}}
{{- $hosts := printf "127.0.0.1,localhost,%s-dashboard,%s-dashboard.%s,%s-dashboard.%s.svc" .Release.Name .Release.Name .Release.Namespace .Release.Name .Release.Namespace -}}
FARM_ALLOWED_HOSTS: {{ .Values.settings.FARM_ALLOWED_HOSTS | default $hosts | quote }}
{{- if .Values.secret.asFile }}
FARM_CONFIG: /etc/latent-farm-secrets/farm.yaml
{{- end }}
{{- if .Values.metrics.port }}
FARM_METRICS_HOST: "0.0.0.0"
FARM_METRICS_PORT: {{ .Values.metrics.port | quote }}
{{- end }}
{{- range $name, $value := omit .Values.settings "FARM_ALLOWED_HOSTS" }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- range $name, $value := .Values.variables }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}
