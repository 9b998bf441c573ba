/**
 * The types of all built-in kinds that are served: fields, keys of lists, what is atomic, which patch strategy. Generated from
 * the OpenAPI of a real kube-apiserver (test/e2e/built-in-types.test.ts compares, and writes with MUSTER_WRITE_TYPES=1).
 * The notation is told in notation.ts.
 */
export const BUILT_IN = `
@admissionregistration.k8s.io/v1/MutatingWebhookConfiguration MutatingWebhookConfiguration
@admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy ValidatingAdmissionPolicy
@admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding ValidatingAdmissionPolicyBinding
@admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration ValidatingWebhookConfiguration
@apps/v1/ControllerRevision ControllerRevision
@apps/v1/DaemonSet DaemonSet
@apps/v1/Deployment Deployment
@apps/v1/ReplicaSet ReplicaSet
@apps/v1/StatefulSet StatefulSet
@autoscaling/v1/Scale Scale
@autoscaling/v2/HorizontalPodAutoscaler HorizontalPodAutoscaler
@batch/v1/CronJob CronJob
@batch/v1/Job Job
@coordination.k8s.io/v1/Lease Lease
@discovery.k8s.io/v1/EndpointSlice EndpointSlice
@events.k8s.io/v1/Event events.Event
@node.k8s.io/v1/RuntimeClass RuntimeClass
@policy/v1/Eviction Eviction
@policy/v1/PodDisruptionBudget PodDisruptionBudget
@rbac.authorization.k8s.io/v1/ClusterRole ClusterRole
@rbac.authorization.k8s.io/v1/ClusterRoleBinding ClusterRoleBinding
@rbac.authorization.k8s.io/v1/Role Role
@rbac.authorization.k8s.io/v1/RoleBinding RoleBinding
@resource.k8s.io/v1/DeviceClass DeviceClass
@resource.k8s.io/v1/DeviceTaintRule DeviceTaintRule
@resource.k8s.io/v1/ResourceClaim resource.ResourceClaim
@resource.k8s.io/v1/ResourceSlice ResourceSlice
@scheduling.k8s.io/v1/PriorityClass PriorityClass
@scheduling.k8s.io/v1beta1/PodGroup PodGroup
@scheduling.k8s.io/v1beta1/Workload Workload
@storage.k8s.io/v1/CSIDriver CSIDriver
@storage.k8s.io/v1/CSINode CSINode
@storage.k8s.io/v1/CSIStorageCapacity CSIStorageCapacity
@storage.k8s.io/v1/StorageClass StorageClass
@storage.k8s.io/v1/VolumeAttachment VolumeAttachment
@v1/Binding Binding
@v1/ConfigMap ConfigMap
@v1/Endpoints Endpoints
@v1/Event Event
@v1/LimitRange LimitRange
@v1/Namespace Namespace
@v1/Node Node
@v1/PersistentVolume PersistentVolume
@v1/PersistentVolumeClaim PersistentVolumeClaim
@v1/Pod Pod
@v1/PodTemplate PodTemplate
@v1/ReplicationController ReplicationController
@v1/ResourceQuota ResourceQuota
@v1/Secret Secret
@v1/Service Service
@v1/ServiceAccount ServiceAccount
AWSElasticBlockStoreVolumeSource fsType:s partition:i readOnly:b volumeID!:s
Affinity nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAntiAffinity
AggregationRule clusterRoleSelectors:[LabelSelector#]
AllocatedDeviceStatus conditions:[Condition|type] data:* device!:s driver!:s networkData:NetworkDeviceData pool!:s shareID:s
AllocationResult allocationTimestamp:t devices!!:DeviceAllocationResult nodeSelector:NodeSelector#
AppArmorProfile localhostProfile:s type!:s
AttachedVolume devicePath!:s name!:s
AuditAnnotation key!:s valueExpression!:s
AzureDiskVolumeSource cachingMode:s=ReadWrite diskName!:s diskURI!:s fsType:s=ext4 kind:s=Shared readOnly:b
AzureFilePersistentVolumeSource readOnly:b secretName!:s secretNamespace:s shareName!:s
AzureFileVolumeSource readOnly:b secretName!:s shareName!:s
Binding apiVersion:s kind:s metadata!!:ObjectMeta target!!:ObjectReference#
CELDeviceSelector expression!:s
CSIDriver apiVersion:s kind:s metadata!!:ObjectMeta spec!!:CSIDriverSpec
CSIDriverSpec attachRequired:b fsGroupPolicy:s nodeAllocatableUpdatePeriodSeconds:i podInfoOnMount:b preventPodSchedulingIfMissing:b requiresRepublish:b seLinuxMount:b serviceAccountTokenInSecrets:b storageCapacity:b tokenRequests:[TokenRequest] volumeLifecycleModes:[s|*]
CSINode apiVersion:s kind:s metadata!!:ObjectMeta spec!!:CSINodeSpec status!!:CSINodeStatus
CSINodeDriver allocatable:VolumeNodeResources name!:s nodeID!:s topologyKeys:[s]
CSINodeSpec drivers!:[CSINodeDriver|name~name]
CSINodeStatus storageHealth:[StorageHealth|name~name]
CSIPersistentVolumeSource controllerExpandSecretRef:SecretReference# controllerPublishSecretRef:SecretReference# driver!:s fsType:s nodeExpandSecretRef:SecretReference# nodePublishSecretRef:SecretReference# nodeStageSecretRef:SecretReference# readOnly:b volumeAttributes:{s} volumeHandle!:s
CSIStorageCapacity apiVersion:s capacity:q kind:s maximumVolumeSize:q metadata!!:ObjectMeta nodeTopology:LabelSelector# storageClassName!:s
CSIVolumeSource driver!:s fsType:s nodePublishSecretRef:LocalObjectReference# readOnly:b volumeAttributes:{s}
Capabilities add:[s] drop:[s]
CapacityRequestPolicy default:q validRange:CapacityRequestPolicyRange validValues:[q]
CapacityRequestPolicyRange max:q min!:q step:q
CapacityRequirements requests:{q}
CephFSPersistentVolumeSource monitors!:[s] path:s readOnly:b secretFile:s secretRef:SecretReference# user:s
CephFSVolumeSource monitors!:[s] path:s readOnly:b secretFile:s secretRef:LocalObjectReference# user:s
CinderPersistentVolumeSource fsType:s readOnly:b secretRef:SecretReference# volumeID!:s
CinderVolumeSource fsType:s readOnly:b secretRef:LocalObjectReference# volumeID!:s
ClientIPConfig timeoutSeconds:i
ClusterRole aggregationRule:AggregationRule apiVersion:s kind:s metadata!!:ObjectMeta rules:[PolicyRule]
ClusterRoleBinding apiVersion:s kind:s metadata!!:ObjectMeta roleRef!!:RoleRef# subjects:[Subject#]
ClusterTrustBundleProjection labelSelector:LabelSelector# name:s optional:b path!:s signerName:s user:i
CompositeDisruptionMode all:* single:*
CompositeGangSchedulingPolicy minGroupCount!:i
CompositePodGroupSchedulingConstraints topology:[scheduling.TopologyConstraint]
CompositePodGroupSchedulingPolicy basic:* gang:CompositeGangSchedulingPolicy
CompositePodGroupTemplate compositePodGroupTemplates:[CompositePodGroupTemplate|name] disruptionMode:CompositeDisruptionMode name!:s podGroupTemplates:[PodGroupTemplate|name] preemptionPolicy:s priority:i priorityClassName:s schedulingConstraints:CompositePodGroupSchedulingConstraints schedulingPolicy!!:CompositePodGroupSchedulingPolicy
Condition lastTransitionTime!:t message!:s observedGeneration:i reason!:s status!:s type!:s
ConfigMap apiVersion:s binaryData:{s} data:{s} immutable:b kind:s metadata!!:ObjectMeta
ConfigMapEnvSource name:s optional:b
ConfigMapKeySelector key!:s name:s optional:b
ConfigMapNodeConfigSource kubeletConfigKey!:s name!:s namespace!:s resourceVersion:s uid:s
ConfigMapProjection items:[KeyToPath] name:s optional:b
ConfigMapVolumeSource defaultMode:i defaultUser:i items:[KeyToPath] name:s optional:b
Container args:[s] command:[s] env:[EnvVar|name~name] envFrom:[EnvFromSource] image:s imagePullPolicy:s lifecycle:Lifecycle livenessProbe:Probe name!:s ports:[ContainerPort|containerPort,protocol~containerPort] readinessProbe:Probe resizePolicy:[ContainerResizePolicy] resources!!:ResourceRequirements restartPolicy:s restartPolicyRules:[ContainerRestartRule] securityContext:SecurityContext startupProbe:Probe stdin:b stdinOnce:b terminationMessagePath:s terminationMessagePolicy:s tty:b volumeDevices:[VolumeDevice|devicePath~devicePath] volumeMounts:[VolumeMount|mountPath~mountPath] workingDir:s
ContainerExtendedResourceRequest containerName!:s requestName!:s resourceName!:s
ContainerImage names:[s] sizeBytes:i
ContainerPort containerPort!:i hostIP:s hostPort:i name:s protocol:s=TCP
ContainerResizePolicy resourceName!:s restartPolicy!:s
ContainerResourceMetricSource container!:s name!:s target!!:MetricTarget
ContainerResourceMetricStatus container!:s current!!:MetricValueStatus name!:s
ContainerRestartRule action!:s exitCodes:ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes operator!:s values:[i|*]
ContainerState running:ContainerStateRunning terminated:ContainerStateTerminated waiting:ContainerStateWaiting
ContainerStateRunning startedAt:t
ContainerStateTerminated containerID:s exitCode!:i finishedAt:t message:s reason:s signal:i startedAt:t
ContainerStateWaiting message:s reason:s
ContainerStatus allocatedResources:{q} allocatedResourcesStatus:[ResourceStatus|name~name] containerID:s image!:s imageID!:s lastState!!:ContainerState name!:s ready!:b resources:ResourceRequirements restartCount!:i started:b state!!:ContainerState stopSignal:s user:ContainerUser volumeMounts:[VolumeMountStatus|mountPath~mountPath]
ContainerUser linux:LinuxContainerUser
ControllerRevision apiVersion:s data!:* kind:s metadata!!:ObjectMeta revision:i
Counter value!:q
CounterSet counters!:{Counter} name!:s
CronJob apiVersion:s kind:s metadata!!:ObjectMeta spec!!:CronJobSpec status!!:CronJobStatus
CronJobSpec concurrencyPolicy:s failedJobsHistoryLimit:i jobTemplate!!:JobTemplateSpec schedule!:s startingDeadlineSeconds:i successfulJobsHistoryLimit:i suspend:b timeZone:s
CronJobStatus active:[ObjectReference#] lastScheduleTime:t lastSuccessfulTime:t
CrossVersionObjectReference apiVersion:s kind!:s name!:s
DaemonEndpoint Port!:i
DaemonSet apiVersion:s kind:s metadata!!:ObjectMeta spec!!:DaemonSetSpec status!!:DaemonSetStatus
DaemonSetCondition lastTransitionTime:t message:s reason:s status:s type:s
DaemonSetSpec minReadySeconds:i revisionHistoryLimit:i selector!:LabelSelector# template!!:PodTemplateSpec updateStrategy!!:DaemonSetUpdateStrategy
DaemonSetStatus collisionCount:i conditions:[DaemonSetCondition|type~type] currentNumberScheduled!:i desiredNumberScheduled!:i numberAvailable:i numberMisscheduled!:i numberReady!:i numberUnavailable:i observedGeneration:i updatedNumberScheduled:i
DaemonSetUpdateStrategy rollingUpdate:RollingUpdateDaemonSet type:s
DeleteOptions apiVersion:s dryRun:[s] gracePeriodSeconds:i ignoreStoreReadErrorWithClusterBreakingPotential:b kind:s orphanDependents:b preconditions:Preconditions propagationPolicy:s
Deployment apiVersion:s kind:s metadata!!:ObjectMeta spec!!:DeploymentSpec status!!:DeploymentStatus
DeploymentCondition lastTransitionTime:t lastUpdateTime:t message:s reason:s status:s type:s
DeploymentSpec minReadySeconds:i paused:b progressDeadlineSeconds:i replicas:i revisionHistoryLimit:i selector!:LabelSelector# strategy!!:DeploymentStrategy^ template!!:PodTemplateSpec
DeploymentStatus availableReplicas:i collisionCount:i conditions:[DeploymentCondition|type~type] observedGeneration:i readyReplicas:i replicas:i terminatingReplicas:i unavailableReplicas:i updatedReplicas:i
DeploymentStrategy rollingUpdate:RollingUpdateDeployment type:s
Device allNodes:b allowMultipleAllocations:b attributes:{DeviceAttribute} bindingConditions:[s] bindingFailureConditions:[s] bindsToNode:b capacity:{DeviceCapacity} consumesCounters:[DeviceCounterConsumption] name!:s nodeAllocatableResources:{NodeAllocatableResource} nodeName:s nodeSelector:NodeSelector# taints:[DeviceTaint]
DeviceAllocationConfiguration opaque:OpaqueDeviceConfiguration requests:[s] source!:s
DeviceAllocationResult config:[DeviceAllocationConfiguration] results:[DeviceRequestAllocationResult]
DeviceAttribute bool:b bools:[b] int:i ints:[i] string:s strings:[s] version:s versions:[s]
DeviceCapacity requestPolicy:CapacityRequestPolicy value!:q
DeviceClaim config:[DeviceClaimConfiguration] constraints:[DeviceConstraint] requests:[DeviceRequest]
DeviceClaimConfiguration opaque:OpaqueDeviceConfiguration requests:[s]
DeviceClass apiVersion:s kind:s metadata!!:ObjectMeta spec!!:DeviceClassSpec
DeviceClassConfiguration opaque:OpaqueDeviceConfiguration
DeviceClassSpec config:[DeviceClassConfiguration] extendedResourceName:s selectors:[DeviceSelector]
DeviceConstraint distinctAttribute:s matchAttribute:s requests:[s]
DeviceCounterConsumption compatibilityGroups:[s] counterSet!:s counters!:{Counter}
DeviceDerivedAttribute expression!:s name!:s
DeviceRequest exactly:ExactDeviceRequest firstAvailable:[DeviceSubRequest] name!:s
DeviceRequestAllocationResult adminAccess:b bindingConditions:[s] bindingFailureConditions:[s] consumedCapacity:{q} device!:s driver!:s pool!:s request!:s shareID:s skipNodeOperations:[s|*] tolerations:[DeviceToleration]
DeviceSelector cel:CELDeviceSelector
DeviceSubRequest allocationMode:s capacity:CapacityRequirements count:i derivedAttributes:[DeviceDerivedAttribute] deviceClassName!:s name!:s selectors:[DeviceSelector] tolerations:[DeviceToleration]
DeviceTaint effect!:s key!:s timeAdded:t value:s
DeviceTaintRule apiVersion:s kind:s metadata!!:ObjectMeta spec!!:DeviceTaintRuleSpec status!!:DeviceTaintRuleStatus
DeviceTaintRuleSpec deviceSelector:DeviceTaintSelector taint!!:DeviceTaint
DeviceTaintRuleStatus conditions:[Condition|type~type]
DeviceTaintSelector device:s driver:s pool:s
DeviceToleration effect:s key:s operator:s=Equal tolerationSeconds:i value:s
DisruptionMode all:* single:*
DownwardAPIProjection items:[DownwardAPIVolumeFile]
DownwardAPIVolumeFile fieldRef:ObjectFieldSelector# mode:i path!:s resourceFieldRef:ResourceFieldSelector# user:i
DownwardAPIVolumeSource defaultMode:i defaultUser:i items:[DownwardAPIVolumeFile]
EmptyDirVolumeSource medium:s mode:i sizeLimit:q
Endpoint addresses!:[s|*] conditions!!:EndpointConditions deprecatedTopology:{s} hints:EndpointHints hostname:s nodeName:s targetRef:ObjectReference# zone:s
EndpointAddress hostname:s ip!:s nodeName:s targetRef:ObjectReference#
EndpointConditions ready:b serving:b terminating:b
EndpointHints forNodes:[ForNode] forZones:[ForZone]
EndpointPort appProtocol:s name:s port!:i protocol:s
EndpointSlice addressType!:s apiVersion:s endpoints:[Endpoint] kind:s metadata!!:ObjectMeta ports:[discovery.EndpointPort#]
EndpointSubset addresses:[EndpointAddress#] notReadyAddresses:[EndpointAddress#] ports:[EndpointPort#]
Endpoints apiVersion:s kind:s metadata!!:ObjectMeta subsets:[EndpointSubset]
EnvFromSource configMapRef:ConfigMapEnvSource prefix:s secretRef:SecretEnvSource
EnvVar name!:s value:s valueFrom:EnvVarSource
EnvVarSource configMapKeyRef:ConfigMapKeySelector# fieldRef:ObjectFieldSelector# fileKeyRef:FileKeySelector# resourceFieldRef:ResourceFieldSelector# secretKeyRef:SecretKeySelector#
EphemeralContainer args:[s] command:[s] env:[EnvVar|name~name] envFrom:[EnvFromSource] image:s imagePullPolicy:s lifecycle:Lifecycle livenessProbe:Probe name!:s ports:[ContainerPort|containerPort,protocol~containerPort] readinessProbe:Probe resizePolicy:[ContainerResizePolicy] resources!!:ResourceRequirements restartPolicy:s restartPolicyRules:[ContainerRestartRule] securityContext:SecurityContext startupProbe:Probe stdin:b stdinOnce:b targetContainerName:s terminationMessagePath:s terminationMessagePolicy:s tty:b volumeDevices:[VolumeDevice|devicePath~devicePath] volumeMounts:[VolumeMount|mountPath~mountPath] workingDir:s
EphemeralVolumeSource volumeClaimTemplate:PersistentVolumeClaimTemplate
Event action:s apiVersion:s count:i eventTime:t firstTimestamp:t involvedObject!!:ObjectReference# kind:s lastTimestamp:t message:s metadata!!:ObjectMeta reason:s related:ObjectReference# reportingComponent:s reportingInstance:s series:EventSeries source!!:EventSource type:s
EventSeries count:i lastObservedTime:t
EventSource component:s host:s
Eviction apiVersion:s deleteOptions:DeleteOptions kind:s metadata!!:ObjectMeta
EvictionResponder name!:s priority!:i
ExactDeviceRequest adminAccess:b allocationMode:s capacity:CapacityRequirements count:i derivedAttributes:[DeviceDerivedAttribute] deviceClassName!:s selectors:[DeviceSelector] tolerations:[DeviceToleration]
ExecAction command:[s]
ExpressionWarning fieldRef!:s warning!:s
ExternalMetricSource metric!!:MetricIdentifier target!!:MetricTarget
ExternalMetricStatus current!!:MetricValueStatus metric!!:MetricIdentifier
FCVolumeSource fsType:s lun:i readOnly:b targetWWNs:[s] wwids:[s]
FileKeySelector key!:s optional:b path!:s volumeName!:s
FlexPersistentVolumeSource driver!:s fsType:s options:{s} readOnly:b secretRef:SecretReference#
FlexVolumeSource driver!:s fsType:s options:{s} readOnly:b secretRef:LocalObjectReference#
FlockerVolumeSource datasetName:s datasetUUID:s
ForNode name!:s
ForZone name!:s
GCEPersistentDiskVolumeSource fsType:s partition:i pdName!:s readOnly:b
GRPCAction mode:s port!:i service:s
GangSchedulingPolicy minCount!:i
GitRepoVolumeSource directory:s repository!:s revision:s
GlusterfsPersistentVolumeSource endpoints!:s endpointsNamespace:s path!:s readOnly:b
GlusterfsVolumeSource endpoints!:s path!:s readOnly:b
HPAScalingPolicy periodSeconds!:i type!:s value!:i
HPAScalingRules policies:[HPAScalingPolicy] selectPolicy:s stabilizationWindowSeconds:i tolerance:q
HTTPGetAction host:s httpHeaders:[HTTPHeader] path:s port!:x protocol:s scheme:s
HTTPHeader name!:s value!:s
HorizontalPodAutoscaler apiVersion:s kind:s metadata!!:ObjectMeta spec!!:HorizontalPodAutoscalerSpec status!!:HorizontalPodAutoscalerStatus
HorizontalPodAutoscalerBehavior scaleDown:HPAScalingRules scaleUp:HPAScalingRules
HorizontalPodAutoscalerCondition lastTransitionTime:t message:s observedGeneration:i reason:s status!:s type!:s
HorizontalPodAutoscalerSpec behavior:HorizontalPodAutoscalerBehavior maxReplicas!:i metrics:[MetricSpec] minReplicas:i scaleTargetRef!!:CrossVersionObjectReference
HorizontalPodAutoscalerStatus conditions:[HorizontalPodAutoscalerCondition|type~type] currentMetrics:[MetricStatus] currentReplicas:i desiredReplicas!:i lastScaleTime:t observedGeneration:i
HostAlias hostnames:[s] ip!:s
HostIP ip!:s
HostPathVolumeSource path!:s type:s
ISCSIPersistentVolumeSource chapAuthDiscovery:b chapAuthSession:b fsType:s initiatorName:s iqn!:s iscsiInterface:s=default lun!:i portals:[s] readOnly:b secretRef:SecretReference# targetPortal!:s
ISCSIVolumeSource chapAuthDiscovery:b chapAuthSession:b fsType:s initiatorName:s iqn!:s iscsiInterface:s=default lun!:i portals:[s] readOnly:b secretRef:LocalObjectReference# targetPortal!:s
ImageVolumeSource pullPolicy:s reference:s
ImageVolumeStatus imageRef!:s
Job apiVersion:s kind:s metadata!!:ObjectMeta spec!!:JobSpec status!!:JobStatus
JobCondition lastProbeTime:t lastTransitionTime:t message:s reason:s status!:s type!:s
JobSchedulingConfiguration disruptionMode:WorkloadPodGroupDisruptionMode resourceClaims:[WorkloadPodGroupResourceClaim|name~name] schedulingConstraints:WorkloadPodGroupSchedulingConstraints schedulingPolicy:WorkloadPodGroupSchedulingPolicy
JobSpec activeDeadlineSeconds:i backoffLimit:i backoffLimitPerIndex:i completionMode:s completions:i managedBy:s manualSelector:b maxFailedIndexes:i parallelism:i podFailurePolicy:PodFailurePolicy podReplacementPolicy:s scheduling:JobSchedulingConfiguration selector:LabelSelector# successPolicy:SuccessPolicy suspend:b template!!:PodTemplateSpec ttlSecondsAfterFinished:i
JobStatus active:i completedIndexes:s completionTime:t conditions:[JobCondition~type] failed:i failedIndexes:s ready:i startTime:t succeeded:i terminating:i uncountedTerminatedPods:UncountedTerminatedPods
JobTemplateSpec metadata!!:ObjectMeta spec!!:JobSpec
KeyToPath key!:s mode:i path!:s user:i
LabelSelector matchExpressions:[LabelSelectorRequirement] matchLabels:{s}
LabelSelectorRequirement key!:s operator!:s values:[s]
Lease apiVersion:s kind:s metadata!!:ObjectMeta spec!!:LeaseSpec
LeaseSpec acquireTime:t holderIdentity:s leaseDurationSeconds:i leaseTransitions:i preferredHolder:s renewTime:t strategy:s
Lifecycle postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:s
LifecycleHandler exec:ExecAction httpGet:HTTPGetAction sleep:SleepAction tcpSocket:TCPSocketAction
LimitRange apiVersion:s kind:s metadata!!:ObjectMeta spec!!:LimitRangeSpec
LimitRangeItem default:{q} defaultRequest:{q} max:{q} maxLimitRequestRatio:{q} min:{q} type!:s
LimitRangeSpec limits!:[LimitRangeItem]
LinuxContainerUser gid!:i supplementalGroups:[i] uid!:i
LoadBalancerIngress hostname:s ip:s ipMode:s ports:[PortStatus]
LoadBalancerStatus ingress:[LoadBalancerIngress]
LocalObjectReference name:s
LocalVolumeSource fsType:s path!:s
ManagedFieldsEntry apiVersion:s fieldsType:s fieldsV1:* manager:s operation:s subresource:s time:t
MatchCondition expression!:s name!:s
MatchResources excludeResourceRules:[NamedRuleWithOperations#] matchPolicy:s namespaceSelector:LabelSelector# objectSelector:LabelSelector# resourceRules:[NamedRuleWithOperations#]
MetricIdentifier name!:s selector:LabelSelector#
MetricSpec containerResource:ContainerResourceMetricSource external:ExternalMetricSource object:ObjectMetricSource pods:PodsMetricSource resource:ResourceMetricSource type!:s
MetricStatus containerResource:ContainerResourceMetricStatus external:ExternalMetricStatus object:ObjectMetricStatus pods:PodsMetricStatus resource:ResourceMetricStatus type!:s
MetricTarget averageUtilization:i averageValue:q type!:s value:q
MetricValueStatus averageUtilization:i averageValue:q value:q
ModifyVolumeStatus status!:s targetVolumeAttributesClassName:s
MutatingWebhook admissionReviewVersions!:[s] clientConfig!!:WebhookClientConfig failurePolicy:s matchConditions:[MatchCondition|name~name] matchPolicy:s name!:s namespaceSelector:LabelSelector# objectSelector:LabelSelector# reinvocationPolicy:s rules:[RuleWithOperations] sideEffects!:s timeoutSeconds:i
MutatingWebhookConfiguration apiVersion:s kind:s metadata!!:ObjectMeta webhooks:[MutatingWebhook|name~name]
NFSVolumeSource path!:s readOnly:b server!:s
NamedRuleWithOperations apiGroups:[s] apiVersions:[s] operations:[s] resourceNames:[s] resources:[s] scope:s
Namespace apiVersion:s kind:s metadata!!:ObjectMeta spec!!:NamespaceSpec status!!:NamespaceStatus
NamespaceCondition lastTransitionTime:t message:s reason:s status!:s type!:s
NamespaceSpec finalizers:[s]
NamespaceStatus conditions:[NamespaceCondition|type~type] phase:s
NetworkDeviceData hardwareAddress:s interfaceName:s ips:[s]
Node apiVersion:s kind:s metadata!!:ObjectMeta spec!!:NodeSpec status!!:NodeStatus
NodeAddress address!:s type!:s
NodeAffinity preferredDuringSchedulingIgnoredDuringExecution:[PreferredSchedulingTerm] requiredDuringSchedulingIgnoredDuringExecution:NodeSelector#
NodeAllocatableMappedResources name!:s quantity!:q
NodeAllocatableMapping capacityKey:s capacityMultiplier:q deviceMultiplier:q
NodeAllocatableOverhead perContainer:q perPod:q
NodeAllocatableOverheadResources name!:s perContainer:q perPod:q
NodeAllocatableResource mapping:NodeAllocatableMapping overhead:NodeAllocatableOverhead
NodeAllocatableResourceClaimStatus containers:[s|*] mapping:[NodeAllocatableMappedResources|name~name] overhead:[NodeAllocatableOverheadResources|name~name] resourceClaimName!:s
NodeCondition lastHeartbeatTime:t lastTransitionTime:t message:s reason:s status!:s type!:s
NodeConfigSource configMap:ConfigMapNodeConfigSource
NodeConfigStatus active:NodeConfigSource assigned:NodeConfigSource error:s lastKnownGood:NodeConfigSource
NodeDaemonEndpoints kubeletEndpoint!!:DaemonEndpoint
NodeFeatures supplementalGroupsPolicy:b
NodePodPreemptionPolicy disableResizePreemption:[s|*]
NodeRuntimeHandler features:NodeRuntimeHandlerFeatures name:s
NodeRuntimeHandlerFeatures recursiveReadOnlyMounts:b userNamespaces:b
NodeSelector nodeSelectorTerms!:[NodeSelectorTerm#]
NodeSelectorRequirement key!:s operator!:s values:[s]
NodeSelectorTerm matchExpressions:[NodeSelectorRequirement] matchFields:[NodeSelectorRequirement]
NodeSpec configSource:NodeConfigSource externalID:s podCIDR:s podCIDRs:[s|*~] podPreemptionPolicy:NodePodPreemptionPolicy providerID:s taints:[Taint] unschedulable:b
NodeStatus addresses:[NodeAddress|type~type] allocatable:{q} capacity:{q} conditions:[NodeCondition|type~type] config:NodeConfigStatus daemonEndpoints!!:NodeDaemonEndpoints declaredFeatures:[s] features:NodeFeatures images:[ContainerImage] nodeInfo!!:NodeSystemInfo phase:s runtimeHandlers:[NodeRuntimeHandler] volumesAttached:[AttachedVolume] volumesInUse:[s]
NodeSwapStatus capacity:i
NodeSystemInfo architecture!:s bootID!:s containerRuntimeVersion!:s kernelVersion!:s kubeProxyVersion!:s kubeletVersion!:s machineID!:s operatingSystem!:s osImage!:s runningInUserNamespace:b swap:NodeSwapStatus systemUUID!:s
ObjectFieldSelector apiVersion:s fieldPath!:s
ObjectMeta annotations:{s} creationTimestamp:t deletionGracePeriodSeconds:i deletionTimestamp:t finalizers:[s|*~] generateName:s generation:i labels:{s} managedFields:[ManagedFieldsEntry] name:s namespace:s ownerReferences:[OwnerReference#|uid~uid] resourceVersion:s selfLink:s uid:s
ObjectMetricSource describedObject!!:CrossVersionObjectReference metric!!:MetricIdentifier target!!:MetricTarget
ObjectMetricStatus current!!:MetricValueStatus describedObject!!:CrossVersionObjectReference metric!!:MetricIdentifier
ObjectReference apiVersion:s fieldPath:s kind:s name:s namespace:s resourceVersion:s uid:s
OpaqueDeviceConfiguration driver!:s parameters!:*
Overhead podFixed:{q}
OwnerReference apiVersion!:s blockOwnerDeletion:b controller:b kind!:s name!:s uid!:s
ParamKind apiVersion:s kind:s
ParamRef name:s namespace:s parameterNotFoundAction:s selector:LabelSelector#
PersistentVolume apiVersion:s kind:s metadata!!:ObjectMeta spec!!:PersistentVolumeSpec status!!:PersistentVolumeStatus
PersistentVolumeClaim apiVersion:s kind:s metadata!!:ObjectMeta spec!!:PersistentVolumeClaimSpec status!!:PersistentVolumeClaimStatus
PersistentVolumeClaimCondition lastProbeTime:t lastTransitionTime:t message:s reason:s status!:s type!:s
PersistentVolumeClaimSpec accessModes:[s] dataSource:TypedLocalObjectReference# dataSourceRef:TypedObjectReference resources!!:VolumeResourceRequirements selector:LabelSelector# storageClassName:s volumeAttributesClassName:s volumeMode:s volumeName:s
PersistentVolumeClaimStatus accessModes:[s] allocatedResourceStatuses:{s} allocatedResources:{q} capacity:{q} conditions:[PersistentVolumeClaimCondition|type~type] currentVolumeAttributesClassName:s healthStatus:VolumeHealthStatus modifyVolumeStatus:ModifyVolumeStatus phase:s
PersistentVolumeClaimTemplate metadata!!:ObjectMeta spec!!:PersistentVolumeClaimSpec
PersistentVolumeClaimVolumeSource claimName!:s readOnly:b
PersistentVolumeSpec accessModes:[s] awsElasticBlockStore:AWSElasticBlockStoreVolumeSource azureDisk:AzureDiskVolumeSource azureFile:AzureFilePersistentVolumeSource capacity:{q} cephfs:CephFSPersistentVolumeSource cinder:CinderPersistentVolumeSource claimRef:ObjectReference# csi:CSIPersistentVolumeSource fc:FCVolumeSource flexVolume:FlexPersistentVolumeSource flocker:FlockerVolumeSource gcePersistentDisk:GCEPersistentDiskVolumeSource glusterfs:GlusterfsPersistentVolumeSource hostPath:HostPathVolumeSource iscsi:ISCSIPersistentVolumeSource local:LocalVolumeSource mountOptions:[s] nfs:NFSVolumeSource nodeAffinity:VolumeNodeAffinity persistentVolumeReclaimPolicy:s photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource quobyte:QuobyteVolumeSource rbd:RBDPersistentVolumeSource scaleIO:ScaleIOPersistentVolumeSource storageClassName:s storageos:StorageOSPersistentVolumeSource volumeAttributesClassName:s volumeMode:s vsphereVolume:VsphereVirtualDiskVolumeSource
PersistentVolumeStatus lastPhaseTransitionTime:t message:s phase:s reason:s
PhotonPersistentDiskVolumeSource fsType:s pdID!:s
Pod apiVersion:s kind:s metadata!!:ObjectMeta spec!!:PodSpec status!!:PodStatus
PodAffinity preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm] requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
PodAffinityTerm labelSelector:LabelSelector# matchLabelKeys:[s] mismatchLabelKeys:[s] namespaceSelector:LabelSelector# namespaces:[s] topologyKey!:s
PodAntiAffinity preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm] requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
PodCertificateProjection certificateChainPath:s credentialBundlePath:s keyPath:s keyType!:s maxExpirationSeconds:i signerName!:s user:i userAnnotations:{s}
PodCondition lastProbeTime:t lastTransitionTime:t message:s observedGeneration:i reason:s status!:s type!:s
PodDNSConfig nameservers:[s] options:[PodDNSConfigOption] searches:[s]
PodDNSConfigOption name:s value:s
PodDisruptionBudget apiVersion:s kind:s metadata!!:ObjectMeta spec!!:PodDisruptionBudgetSpec status!!:PodDisruptionBudgetStatus
PodDisruptionBudgetSpec maxUnavailable:x minAvailable:x selector:LabelSelector# unhealthyPodEvictionPolicy:s
PodDisruptionBudgetStatus conditions:[Condition|type~type] currentHealthy:i desiredHealthy:i disruptedPods:{t} disruptionsAllowed:i expectedPods:i observedGeneration:i
PodExtendedResourceClaimStatus requestMappings!:[ContainerExtendedResourceRequest] resourceClaimName!:s
PodFailurePolicy rules!:[PodFailurePolicyRule]
PodFailurePolicyOnExitCodesRequirement containerName:s operator!:s values!:[i|*]
PodFailurePolicyOnPodConditionsPattern status:s type!:s
PodFailurePolicyRule action!:s onExitCodes:PodFailurePolicyOnExitCodesRequirement onPodConditions:[PodFailurePolicyOnPodConditionsPattern]
PodGroup apiVersion:s kind:s metadata!!:ObjectMeta spec!!:PodGroupSpec status!!:PodGroupStatus
PodGroupResourceClaim name!:s resourceClaimName:s resourceClaimTemplateName:s
PodGroupResourceClaimStatus name!:s resourceClaimName:s
PodGroupSchedulingConstraints topology:[scheduling.TopologyConstraint]
PodGroupSchedulingPolicy basic:* gang:GangSchedulingPolicy
PodGroupSpec disruptionMode!!:DisruptionMode parentCompositePodGroupName:s preemptionPolicy:s priority:i priorityClassName:s resourceClaims:[PodGroupResourceClaim|name~name^] schedulingConstraints:PodGroupSchedulingConstraints schedulingPolicy!!:PodGroupSchedulingPolicy workloadRef:WorkloadReference
PodGroupStatus conditions:[Condition|type~type] resourceClaimStatuses:[PodGroupResourceClaimStatus|name~name^]
PodGroupTemplate disruptionMode:DisruptionMode name!:s preemptionPolicy:s priority:i priorityClassName:s resourceClaims:[PodGroupResourceClaim|name~name^] schedulingConstraints:PodGroupSchedulingConstraints schedulingPolicy!!:PodGroupSchedulingPolicy
PodIP ip!:s
PodOS name!:s
PodReadinessGate conditionType!:s
PodResourceClaim name!:s resourceClaimName:s resourceClaimTemplateName:s
PodResourceClaimStatus name!:s resourceClaimName:s
PodSchedulingGate name!:s
PodSchedulingGroup podGroupName:s
PodSecurityContext appArmorProfile:AppArmorProfile fsGroup:i fsGroupChangePolicy:s runAsGroup:i runAsNonRoot:b runAsUser:i seLinuxChangePolicy:s seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile supplementalGroups:[i] supplementalGroupsPolicy:s sysctls:[Sysctl] windowsOptions:WindowsSecurityContextOptions
PodSpec activeDeadlineSeconds:i affinity:Affinity automountServiceAccountToken:b containers!:[Container|name~name] dnsConfig:PodDNSConfig dnsPolicy:s enableServiceLinks:b ephemeralContainers:[EphemeralContainer|name~name] evictionResponders:[EvictionResponder#|name~name] hostAliases:[HostAlias|ip~ip] hostIPC:b hostNetwork:b hostPID:b hostUsers:b hostname:s hostnameOverride:s imagePullSecrets:[LocalObjectReference#|name~name] initContainers:[Container|name~name] nodeName:s nodeSelector:{s}# os:PodOS overhead:{q} preemptionPolicy:s priority:i priorityClassName:s readinessGates:[PodReadinessGate] resourceClaims:[PodResourceClaim|name~name^] resources:ResourceRequirements restartPolicy:s runtimeClassName:s schedulerName:s schedulingGates:[PodSchedulingGate|name~name] schedulingGroup:PodSchedulingGroup securityContext:PodSecurityContext serviceAccount:s serviceAccountName:s setHostnameAsFQDN:b shareProcessNamespace:b subdomain:s terminationGracePeriodSeconds:i tolerations:[Toleration] topologySpreadConstraints:[TopologySpreadConstraint|topologyKey,whenUnsatisfiable~topologyKey] volumes:[Volume|name~name^]
PodStatus allocatedResources:{q} conditions:[PodCondition|type~type] containerStatuses:[ContainerStatus] ephemeralContainerStatuses:[ContainerStatus] extendedResourceClaimStatus:PodExtendedResourceClaimStatus hostIP:s hostIPs:[HostIP~ip] initContainerStatuses:[ContainerStatus] message:s nodeAllocatableResourceClaimStatuses:[NodeAllocatableResourceClaimStatus|resourceClaimName~resourceClaimName] nominatedNodeName:s observedGeneration:i phase:s podIP:s podIPs:[PodIP|ip~ip] qosClass:s reason:s resize:s resourceClaimStatuses:[PodResourceClaimStatus|name~name^] resources:ResourceRequirements startTime:t volumeHealth:[PodVolumeHealth|name]
PodTemplate apiVersion:s kind:s metadata!!:ObjectMeta template!!:PodTemplateSpec
PodTemplateSpec metadata!!:ObjectMeta spec!!:PodSpec
PodVolumeHealth healthConditions:[VolumeHealthCondition|status,reason~status] lastTransitionTime:t name!:s
PodsMetricSource metric!!:MetricIdentifier target!!:MetricTarget
PodsMetricStatus current!!:MetricValueStatus metric!!:MetricIdentifier
PolicyRule apiGroups:[s] nonResourceURLs:[s] resourceNames:[s] resources:[s] verbs!:[s]
PortStatus error:s port!:i protocol!:s
PortworxVolumeSource fsType:s readOnly:b volumeID!:s
Preconditions resourceVersion:s uid:s
PreferredSchedulingTerm preference!!:NodeSelectorTerm# weight!:i
PriorityClass apiVersion:s description:s globalDefault:b kind:s metadata!!:ObjectMeta preemptionPolicy:s value:i
Probe exec:ExecAction failureThreshold:i grpc:GRPCAction httpGet:HTTPGetAction initialDelaySeconds:i periodSeconds:i successThreshold:i tcpSocket:TCPSocketAction terminationGracePeriodSeconds:i timeoutSeconds:i
ProjectedVolumeSource defaultMode:i defaultUser:i sources:[VolumeProjection]
QuobyteVolumeSource group:s readOnly:b registry!:s tenant:s user:s volume!:s
RBDPersistentVolumeSource fsType:s image!:s keyring:s=/etc/ceph/keyring monitors!:[s] pool:s=rbd readOnly:b secretRef:SecretReference# user:s=admin
RBDVolumeSource fsType:s image!:s keyring:s=/etc/ceph/keyring monitors!:[s] pool:s=rbd readOnly:b secretRef:LocalObjectReference# user:s=admin
ReplicaSet apiVersion:s kind:s metadata!!:ObjectMeta spec!!:ReplicaSetSpec status!!:ReplicaSetStatus
ReplicaSetCondition lastTransitionTime:t message:s reason:s status:s type:s
ReplicaSetSpec minReadySeconds:i replicas:i selector!:LabelSelector# template!!:PodTemplateSpec
ReplicaSetStatus availableReplicas:i conditions:[ReplicaSetCondition|type~type] fullyLabeledReplicas:i observedGeneration:i readyReplicas:i replicas!:i terminatingReplicas:i
ReplicationController apiVersion:s kind:s metadata!!:ObjectMeta spec!!:ReplicationControllerSpec status!!:ReplicationControllerStatus
ReplicationControllerCondition lastTransitionTime:t message:s reason:s status!:s type!:s
ReplicationControllerSpec minReadySeconds:i replicas:i selector:{s}# template:PodTemplateSpec
ReplicationControllerStatus availableReplicas:i conditions:[ReplicationControllerCondition|type~type] fullyLabeledReplicas:i observedGeneration:i readyReplicas:i replicas!:i
ResourceClaim name!:s request:s
ResourceClaimConsumerReference apiGroup:s name!:s resource!:s uid!:s
ResourceClaimSpec devices!!:DeviceClaim
ResourceClaimStatus allocation:AllocationResult devices:[AllocatedDeviceStatus|driver,device,pool,shareID] reservedFor:[ResourceClaimConsumerReference|uid~uid]
ResourceFieldSelector containerName:s divisor:q resource!:s
ResourceHealth health:s message:s resourceID!:s
ResourceMetricSource name!:s target!!:MetricTarget
ResourceMetricStatus current!!:MetricValueStatus name!:s
ResourcePool generation!:i name!:s resourceSliceCount!:i
ResourceQuota apiVersion:s kind:s metadata!!:ObjectMeta spec!!:ResourceQuotaSpec status!!:ResourceQuotaStatus
ResourceQuotaSpec hard:{q} scopeSelector:ScopeSelector# scopes:[s]
ResourceQuotaStatus hard:{q} used:{q}
ResourceRequirements claims:[ResourceClaim|name] limits:{q} requests:{q}
ResourceSlice apiVersion:s kind:s metadata!!:ObjectMeta spec!!:ResourceSliceSpec
ResourceSliceSpec allNodes:b devices:[Device] driver!:s nodeName:s nodeSelector:NodeSelector# partitionTypeAttribute:s perDeviceNodeSelection:b pool!!:ResourcePool sharedCounters:[CounterSet] skipNodeOperations:[s|*]
ResourceStatus name!:s resources:[ResourceHealth|resourceID]
Role apiVersion:s kind:s metadata!!:ObjectMeta rules:[PolicyRule]
RoleBinding apiVersion:s kind:s metadata!!:ObjectMeta roleRef!!:RoleRef# subjects:[Subject#]
RoleRef apiGroup:s kind!:s name!:s
RollingUpdateDaemonSet maxSurge:x maxUnavailable:x
RollingUpdateDeployment maxSurge:x maxUnavailable:x
RollingUpdateStatefulSetStrategy maxUnavailable:x partition:i
RuleWithOperations apiGroups:[s] apiVersions:[s] operations:[s] resources:[s] scope:s
RuntimeClass apiVersion:s handler!:s kind:s metadata!!:ObjectMeta overhead:Overhead scheduling:Scheduling
SELinuxOptions level:s role:s type:s user:s
Scale apiVersion:s kind:s metadata!!:ObjectMeta spec!!:ScaleSpec status!!:ScaleStatus
ScaleIOPersistentVolumeSource fsType:s=xfs gateway!:s protectionDomain:s readOnly:b secretRef!:SecretReference# sslEnabled:b storageMode:s=ThinProvisioned storagePool:s system!:s volumeName:s
ScaleIOVolumeSource fsType:s=xfs gateway!:s protectionDomain:s readOnly:b secretRef!:LocalObjectReference# sslEnabled:b storageMode:s=ThinProvisioned storagePool:s system!:s volumeName:s
ScaleSpec replicas:i
ScaleStatus replicas!:i selector:s
Scheduling nodeSelector:{s}# tolerations:[Toleration]
ScopeSelector matchExpressions:[ScopedResourceSelectorRequirement]
ScopedResourceSelectorRequirement operator!:s scopeName!:s values:[s]
SeccompProfile localhostProfile:s type!:s
Secret apiVersion:s data:{s} immutable:b kind:s metadata!!:ObjectMeta stringData:{s} type:s
SecretEnvSource name:s optional:b
SecretKeySelector key!:s name:s optional:b
SecretProjection items:[KeyToPath] name:s optional:b
SecretReference name:s namespace:s
SecretVolumeSource defaultMode:i defaultUser:i items:[KeyToPath] optional:b secretName:s
SecurityContext allowPrivilegeEscalation:b appArmorProfile:AppArmorProfile capabilities:Capabilities privileged:b procMount:s readOnlyRootFilesystem:b runAsGroup:i runAsNonRoot:b runAsUser:i seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile windowsOptions:WindowsSecurityContextOptions
Service apiVersion:s kind:s metadata!!:ObjectMeta spec!!:ServiceSpec status!!:ServiceStatus
ServiceAccount apiVersion:s automountServiceAccountToken:b imagePullSecrets:[LocalObjectReference#] kind:s metadata!!:ObjectMeta secrets:[ObjectReference#|name~name]
ServiceAccountTokenProjection audience:s expirationSeconds:i path!:s user:i
ServicePort appProtocol:s name:s nodePort:i port!:i protocol:s=TCP targetPort:x
ServiceReference name!:s namespace!:s path:s port:i
ServiceSpec allocateLoadBalancerNodePorts:b clusterIP:s clusterIPs:[s] externalIPs:[s] externalName:s externalTrafficPolicy:s healthCheckNodePort:i internalTrafficPolicy:s ipFamilies:[s] ipFamilyPolicy:s loadBalancerClass:s loadBalancerIP:s loadBalancerSourceRanges:[s] ports:[ServicePort|port,protocol~port] publishNotReadyAddresses:b selector:{s}# sessionAffinity:s sessionAffinityConfig:SessionAffinityConfig trafficDistribution:s type:s
ServiceStatus conditions:[Condition|type~type] loadBalancer!!:LoadBalancerStatus
SessionAffinityConfig clientIP:ClientIPConfig
SleepAction seconds!:i
StatefulSet apiVersion:s kind:s metadata!!:ObjectMeta spec!!:StatefulSetSpec status!!:StatefulSetStatus
StatefulSetCondition lastTransitionTime:t message:s reason:s status:s type:s
StatefulSetOrdinals start:i
StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted:s whenScaled:s
StatefulSetSpec minReadySeconds:i ordinals:StatefulSetOrdinals persistentVolumeClaimRetentionPolicy:StatefulSetPersistentVolumeClaimRetentionPolicy podManagementPolicy:s replicas:i revisionHistoryLimit:i selector!:LabelSelector# serviceName:s template!!:PodTemplateSpec updateStrategy!!:StatefulSetUpdateStrategy volumeClaimTemplates:[PersistentVolumeClaim]
StatefulSetStatus availableReplicas:i collisionCount:i conditions:[StatefulSetCondition|type~type] currentReplicas:i currentRevision:s observedGeneration:i readyReplicas:i replicas!:i updateRevision:s updatedReplicas:i
StatefulSetUpdateStrategy rollingUpdate:RollingUpdateStatefulSetStrategy type:s
StorageClass allowVolumeExpansion:b allowedTopologies:[TopologySelectorTerm#] apiVersion:s kind:s metadata!!:ObjectMeta mountOptions:[s] parameters:{s} provisioner!:s reclaimPolicy:s volumeBindingMode:s
StorageHealth healthConditions:[StorageHealthCondition] name!:s
StorageHealthCondition accessMode:s lastTransitionTime:t message:s reason!:s status!:s volumeMode:s
StorageOSPersistentVolumeSource fsType:s readOnly:b secretRef:ObjectReference# volumeName:s volumeNamespace:s
StorageOSVolumeSource fsType:s readOnly:b secretRef:LocalObjectReference# volumeName:s volumeNamespace:s
Subject apiGroup:s kind!:s name!:s namespace:s
SuccessPolicy rules!:[SuccessPolicyRule]
SuccessPolicyRule succeededCount:i succeededIndexes:s
Sysctl name!:s value!:s
TCPSocketAction host:s port!:x
Taint effect!:s key!:s timeAdded:t value:s
TokenRequest audience!:s expirationSeconds:i
Toleration effect:s key:s operator:s tolerationSeconds:i value:s
TopologyConstraint key!:s
TopologySelectorLabelRequirement key!:s values!:[s]
TopologySelectorTerm matchLabelExpressions:[TopologySelectorLabelRequirement]
TopologySpreadConstraint labelSelector:LabelSelector# matchLabelKeys:[s] maxSkew!:i minDomains:i nodeAffinityPolicy:s nodeTaintsPolicy:s topologyKey!:s whenUnsatisfiable!:s
TypeChecking expressionWarnings:[ExpressionWarning]
TypedLocalObjectReference apiGroup:s kind!:s name!:s
TypedObjectReference apiGroup:s kind!:s name!:s namespace:s
UncountedTerminatedPods failed:[s|*] succeeded:[s|*]
ValidatingAdmissionPolicy apiVersion:s kind:s metadata!!:ObjectMeta spec!!:ValidatingAdmissionPolicySpec status!!:ValidatingAdmissionPolicyStatus
ValidatingAdmissionPolicyBinding apiVersion:s kind:s metadata!!:ObjectMeta spec!!:ValidatingAdmissionPolicyBindingSpec
ValidatingAdmissionPolicyBindingSpec matchResources:MatchResources# paramRef:ParamRef# policyName!:s validationActions!:[s|*]
ValidatingAdmissionPolicySpec auditAnnotations:[AuditAnnotation] failurePolicy:s matchConditions:[MatchCondition|name~name] matchConstraints:MatchResources# paramKind:ParamKind# validations:[Validation] variables:[Variable#|name~name]
ValidatingAdmissionPolicyStatus conditions:[Condition|type] observedGeneration:i typeChecking:TypeChecking
ValidatingWebhook admissionReviewVersions!:[s] clientConfig!!:WebhookClientConfig failurePolicy:s matchConditions:[MatchCondition|name~name] matchPolicy:s name!:s namespaceSelector:LabelSelector# objectSelector:LabelSelector# rules:[RuleWithOperations] sideEffects!:s timeoutSeconds:i
ValidatingWebhookConfiguration apiVersion:s kind:s metadata!!:ObjectMeta webhooks:[ValidatingWebhook|name~name]
Validation expression!:s message:s messageExpression:s reason:s
Variable expression!:s name!:s
Volume awsElasticBlockStore:AWSElasticBlockStoreVolumeSource azureDisk:AzureDiskVolumeSource azureFile:AzureFileVolumeSource cephfs:CephFSVolumeSource cinder:CinderVolumeSource configMap:ConfigMapVolumeSource csi:CSIVolumeSource downwardAPI:DownwardAPIVolumeSource emptyDir:EmptyDirVolumeSource ephemeral:EphemeralVolumeSource fc:FCVolumeSource flexVolume:FlexVolumeSource flocker:FlockerVolumeSource gcePersistentDisk:GCEPersistentDiskVolumeSource gitRepo:GitRepoVolumeSource glusterfs:GlusterfsVolumeSource hostPath:HostPathVolumeSource image:ImageVolumeSource iscsi:ISCSIVolumeSource name!:s nfs:NFSVolumeSource persistentVolumeClaim:PersistentVolumeClaimVolumeSource photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource projected:ProjectedVolumeSource quobyte:QuobyteVolumeSource rbd:RBDVolumeSource scaleIO:ScaleIOVolumeSource secret:SecretVolumeSource storageos:StorageOSVolumeSource vsphereVolume:VsphereVirtualDiskVolumeSource
VolumeAttachment apiVersion:s kind:s metadata!!:ObjectMeta spec!!:VolumeAttachmentSpec status!!:VolumeAttachmentStatus
VolumeAttachmentSource inlineVolumeSpec:PersistentVolumeSpec persistentVolumeName:s
VolumeAttachmentSpec attacher!:s nodeName!:s source!!:VolumeAttachmentSource
VolumeAttachmentStatus attachError:VolumeError attached!:b attachmentMetadata:{s} detachError:VolumeError
VolumeDevice devicePath!:s name!:s
VolumeError errorCode:i message:s time:t
VolumeHealthCondition message:s reason!:s status!:s
VolumeHealthStatus healthConditions:[VolumeHealthCondition|status,reason~status] lastTransitionTime:t
VolumeMount bindMountOptions:[s|*] mountPath!:s mountPropagation:s name!:s readOnly:b recursiveReadOnly:s subPath:s subPathExpr:s
VolumeMountStatus mountPath!:s name!:s readOnly:b recursiveReadOnly:s volumeStatus:VolumeStatus
VolumeNodeAffinity required:NodeSelector#
VolumeNodeResources count:i
VolumeProjection clusterTrustBundle:ClusterTrustBundleProjection configMap:ConfigMapProjection downwardAPI:DownwardAPIProjection podCertificate:PodCertificateProjection secret:SecretProjection serviceAccountToken:ServiceAccountTokenProjection
VolumeResourceRequirements limits:{q} requests:{q}
VolumeStatus image:ImageVolumeStatus
VsphereVirtualDiskVolumeSource fsType:s storagePolicyID:s storagePolicyName:s volumePath!:s
WebhookClientConfig caBundle:s service:ServiceReference url:s
WeightedPodAffinityTerm podAffinityTerm!!:PodAffinityTerm weight!:i
WindowsSecurityContextOptions gmsaCredentialSpec:s gmsaCredentialSpecName:s hostProcess:b runAsUserName:s
Workload apiVersion:s kind:s metadata!!:ObjectMeta spec!!:WorkloadSpec
WorkloadPodGroupDisruptionMode all:* single:*
WorkloadPodGroupGangSchedulingPolicy minCount:i
WorkloadPodGroupResourceClaim name!:s resourceClaimName:s resourceClaimTemplateName:s
WorkloadPodGroupSchedulingConstraints topology:[TopologyConstraint]
WorkloadPodGroupSchedulingPolicy basic:* gang:WorkloadPodGroupGangSchedulingPolicy
WorkloadReference templateName!:s workloadName!:s
WorkloadSpec compositePodGroupTemplates:[CompositePodGroupTemplate|name] controllerRef:scheduling.TypedLocalObjectReference podGroupTemplates:[PodGroupTemplate|name]
discovery.EndpointPort appProtocol:s name:s port:i protocol:s
events.Event action:s apiVersion:s deprecatedCount:i deprecatedFirstTimestamp:t deprecatedLastTimestamp:t deprecatedSource!!:EventSource eventTime!:t kind:s metadata!!:ObjectMeta note:s reason:s regarding!!:ObjectReference# related:ObjectReference# reportingController:s reportingInstance:s series:events.EventSeries type:s
events.EventSeries count!:i lastObservedTime!:t
resource.ResourceClaim apiVersion:s kind:s metadata!!:ObjectMeta spec!!:ResourceClaimSpec status!!:ResourceClaimStatus
scheduling.TopologyConstraint key!:s
scheduling.TypedLocalObjectReference apiGroup:s kind!:s name!:s
`;
