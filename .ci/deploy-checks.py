"""Checks of deploy/, each a function that says in its name what holds. Started by .ci/deploy, which sets FLOWSENTRY, HELM and
COMPOSE_SCHEMA."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import compose_spec
import jsonschema
import kubernetes_validate
import yaml

DEPLOY = pathlib.Path("deploy")
CHART = DEPLOY / "helm/flowsentry"
MANIFEST = DEPLOY / "kubernetes/flowsentry.yaml"
MANIFEST_HEAD = """\
# flowsentry beside a sniffer, for `kubectl apply --namespace flowsentry`: a DaemonSet of both, the Job that makes the
# schema, a NetworkPolicy. It needs two Secrets of yours: docs/containers.md. Written by `.ci/deploy --write` from the chart
# deploy/helm/flowsentry and deploy/kubernetes/values.yaml; change those.
"""
KUBERNETES = ["1.27", "1.31", "1.34", "1.37"]
# What belongs to the Prometheus operator has no schema among those of Kubernetes.
OPERATOR = "monitoring.coreos.com/v1"
GIVEN = ["--values", str(DEPLOY / "kubernetes/values.yaml")]
# Each a way to use the chart.
VARIANTS = {
    "manifest": [],
    "bare": ["--set", "http.existingTokenSecret=,networkPolicy.enabled=false,migrate.enabled=false"],
    "hooks": ["--set", "migrate.hook=true,migrate.adopt=true,migrate.existingSecret=owner,fullnameOverride=short"],
    "deployment": ["--set", "kind=Deployment,replicas=2,priorityClassName=high,image.digest=sha256:" + "0" * 64],
    "node": ["--set", "hostNetwork=true,podLabels.a=b,podAnnotations.c=d,imagePullSecrets[0].name=pull"],
    "everything": [
        "--set", "serviceMonitor.enabled=true,prometheusRule.enabled=true,serviceMonitor.labels.release=prometheus",
        "--set-json", 'networkPolicy.database=[{"ipBlock":{"cidr":"192.0.2.1/32"}}]',
        "--set-json", 'networkPolicy.egress=[{"to":[{"ipBlock":{"cidr":"192.0.2.2/32"}}]}]',
        "--set-json", 'volumes=[{"name":"ca","configMap":{"name":"ca"}}]',
        "--set-json", 'volumeMounts=[{"name":"ca","mountPath":"/ca","readOnly":true}]',
        "--set-json", 'env=[{"name":"FLOWSENTRY__FLOWS__MEMORY_MAX","value":"128MiB"}]',
        "--set-json", 'tolerations=[{"operator":"Exists"}]',
        "--set", "nodeSelector.role=edge,http.names={flows.example}",
    ],
}


def run(*command, code=0, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    assert done.returncode == code, f"{command} ends with {done.returncode}, not {code}: {done.stdout}{done.stderr}"
    return done.stdout


def flowsentry(arguments, variables, code=0):
    usual = {"PATH": os.environ["PATH"]}
    with tempfile.TemporaryDirectory() as directory:
        binary = pathlib.Path(os.environ["FLOWSENTRY"]).resolve()
        return run(binary, *arguments, code=code, env=usual | variables, cwd=directory)


def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def rendered(variant="manifest", release="flowsentry"):
    return run(os.environ["HELM"], "template", release, CHART, "--namespace", "flowsentry", *GIVEN, *VARIANTS[variant])


def objects(variant="manifest", kind=None):
    documents = [document for document in yaml.safe_load_all(rendered(variant)) if document]
    return [document for document in documents if kind is None or document["kind"] == kind]


def pods(variant):
    return [one["spec"]["template"]["spec"] for one in objects(variant) if "template" in one.get("spec", {})]


def containers_of_flowsentry(variant):
    return [container for pod in pods(variant) for container in pod["containers"] if container["name"] != "sniffer"]


def manifest():
    # Of where each object came from, what is said is no news to whoever applies it.
    text = re.sub(r"(?m)^# Source: .*\n", "", rendered())
    return MANIFEST_HEAD + re.sub(r"(?m)^( *)-\s*\n +(\w)", r"\1- \2", text)


# The compose file.


def the_compose_file_is_one_by_the_schema():
    document = compose()
    schema = json.load(open(os.environ["COMPOSE_SCHEMA"]))
    # The schema is older than this one key, which the next check knows.
    schema["properties"]["name"] = {"type": "string"}
    jsonschema.Draft201909Validator(schema).validate(document)
    for change in [{"pidslimit": 1}, {"cap_drop": 5}, {"healthcheck": {"retries": "often"}}]:
        wrong = document | {"services": {"flowsentry": document["services"]["flowsentry"] | change}}
        assert not jsonschema.Draft201909Validator(schema).is_valid(wrong), f"the schema takes {change}"


def the_compose_file_is_one_by_a_parser_of_the_specification():
    # As Compose does before it parses: ${NAME:-default}.
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", json.dumps(compose()))
    parsed = compose_spec.PyCompose.from_json(text)
    parsed.validate()
    assert set(parsed.service_names()) == set(compose()["services"])


def what_compose_mounts_is_there():
    for name, service in compose()["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), f"{name} mounts {source}"
        for argument in service.get("command", []):
            capture = argument.removeprefix("/captures/")
            assert capture == argument or pathlib.Path("src/sandbox/captures", capture).is_file(), argument


def compose_publishes_nothing_beyond_this_machine():
    for name, service in compose()["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} publishes {port}"
    assert compose()["networks"]["database"]["internal"] is True


def compose_gives_flowsentry_no_rights():
    services = compose()["services"]
    for name in ["migrate", "flowsentry", "traffic"]:
        service = services[name]
        assert service["user"] == "65532:65532" and service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"] and service["mem_limit"] and service["pids_limit"], name


def no_password_is_in_any_file():
    for path in [DEPLOY / "compose.yaml", MANIFEST, CHART / "values.yaml", *CHART.glob("templates/*")]:
        found = re.search(r"://[^/\s@]*:[^/\s@]*@|(?i:password): *[\"']?[a-z0-9]", path.read_text())
        assert not found, f"{path}: {found}"


def the_secrets_are_made_once():
    if os.getuid() != 0 or subprocess.run(["id", "postgres"], capture_output=True).returncode != 0:
        return "SKIPPED: it takes root and a user postgres"
    with tempfile.TemporaryDirectory() as place:
        for name in ["postgres", "flowsentry", "grafana"]:
            os.mkdir(f"{place}/{name}")
        files = {"postgres/password": None, "flowsentry/pgpass": 65532, "flowsentry/token": 65532, "grafana/password": 472}
        made = []
        for _ in range(2):
            run("/bin/sh", DEPLOY / "compose/make-secrets", place)
            made.append({file: pathlib.Path(place, file).read_text() for file in files})
            assert {str(path.relative_to(place)) for path in pathlib.Path(place).glob("*/*")} == set(files)
        assert made[0] == made[1], "a second start makes others"
        secrets = made[0]
        for file, owner in files.items():
            state = os.stat(f"{place}/{file}")
            assert state.st_mode & 0o777 == 0o600 and owner in (None, state.st_uid), f"{file}: {state}"
        password = secrets["postgres/password"]
        assert len(password) == 48 and len({password, secrets["flowsentry/token"], secrets["grafana/password"]}) == 3
        assert secrets["flowsentry/pgpass"] == f"postgres:5432:*:flowsentry:{password}\n"
        # The token is one that flowsentry takes for one.
        assert re.fullmatch("[0-9a-f]{48}", secrets["flowsentry/token"])
    return None


def its_prometheus_differs_by_the_target_alone():
    own = (DEPLOY / "compose/prometheus.yaml").read_text().replace("flowsentry:9477", "127.0.0.1:9477")
    assert yaml.safe_load(own) == yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())
    names = compose()["services"]["flowsentry"]["environment"]["FLOWSENTRY__HTTP__NAMES"].split(",")
    assert "flowsentry" in names, "the name that Prometheus asks for is refused"


# What all of them ask of flowsentry.


def flowsentry_knows_each_variable_and_argument():
    asked = []
    for name, service in compose()["services"].items():
        if service["image"].startswith("${FLOWSENTRY_IMAGE"):
            asked.append((name, service["command"] if "command" in service else ["run"], service["environment"], None))
    for variant in VARIANTS:
        settings = {one["metadata"]["name"]: one["data"]["pipeline.toml"] for one in objects(variant, "ConfigMap")}
        for pod in pods(variant):
            config_map = next(volume for volume in pod["volumes"] if volume["name"] == "settings")["configMap"]["name"]
            for container in (one for one in pod["containers"] if one["name"] != "sniffer"):
                variables = {one["name"]: one.get("value", "postgres://nobody@db.example/net") for one in container["env"]}
                asked.append((f"{variant}: {container['name']}", container["args"], variables, settings[config_map]))
    for name, arguments, variables, settings in asked:
        flowsentry([*arguments, "--help"], variables)
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(settings or (DEPLOY / "pipeline.toml").read_text())
            file.flush()
            shown = json.loads(flowsentry(["config", "--json", "--config", file.name], variables))
        for variable in (one for one in variables if one.startswith("FLOWSENTRY__")):
            key = variable.removeprefix("FLOWSENTRY__").lower().replace("__", ".")
            assert shown[key]["origin"] == {"kind": "variable", "name": variable}, f"{name}: {variable}: {shown[key]}"
    assert len(asked) > 9
    flowsentry(["config"], {"FLOWSENTRY__HTTP__NAME": "x"}, code=78)  # so an unknown one would be found
    flowsentry(["replay", "--nonsense", "--help"], {}, code=64)


def the_image_listens_where_others_reach_it():
    shown = json.loads(flowsentry(["config", "--json", "--config", str((DEPLOY / "pipeline.toml").resolve())], {}))
    assert shown["http.listen"]["value"] == "0.0.0.0:9477"
    assert shown["http.token_file"]["value"] == "", "others would need a file that is not there"
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert "EXPOSE 9477" in dockerfile and "USER 65532:65532" in dockerfile


def nothing_but_what_is_built_from_gets_into_the_context():
    first, *taken = [line for line in pathlib.Path(".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert first == "*" and all(line.startswith("!") for line in taken), taken
    for path in taken:
        # The list of what is inside is made by whoever wants it.
        assert list(pathlib.Path().glob(path[1:])) or path == "!target/sbom/flowsentry.cdx.json", path


# The chart and the manifest.


def helm_finds_no_fault_with_the_chart():
    for arguments in VARIANTS.values():
        run(os.environ["HELM"], "lint", "--strict", "--quiet", CHART, *GIVEN, *arguments)


def each_object_is_one_of_kubernetes():
    for variant in VARIANTS:
        for one in (one for one in objects(variant) if one["apiVersion"] != OPERATOR):
            for version in KUBERNETES:
                kubernetes_validate.validate(one, version, strict=True)


def the_values_are_held_against_their_schema():
    for wrong in [
        "image.repository=", "sniffer.image=", "sniffer.name=flowsentry", "database.existingSecret=", "kind=StatefulSet",
        "replicas=0", "http.port=80", "typo=1", "database.url=postgres://x", "image.digest=sha256:1",
        "serviceMonitor.interval=often", "terminationGracePeriodSeconds=5",
    ]:
        said = run(os.environ["HELM"], "template", "x", CHART, *GIVEN, "--set", wrong, code=1)
        assert said == "", wrong
    run(os.environ["HELM"], "template", "x", CHART, code=1)


def flowsentry_has_no_rights_in_a_cluster():
    for variant in VARIANTS:
        for pod in pods(variant):
            assert pod["automountServiceAccountToken"] is False
        for container in containers_of_flowsentry(variant):
            rights = container["securityContext"]
            assert rights["runAsNonRoot"] and rights["readOnlyRootFilesystem"] and not rights["allowPrivilegeEscalation"]
            assert rights["capabilities"] == {"drop": ["ALL"]} and rights["seccompProfile"]["type"] == "RuntimeDefault"
            assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]
            assert all(mount["readOnly"] for mount in container["volumeMounts"])


def what_is_selected_is_there():
    for variant in VARIANTS:
        workload = next(one for one in objects(variant) if one["kind"] in ("DaemonSet", "Deployment"))
        labels = workload["spec"]["template"]["metadata"]["labels"]
        has = lambda selector: selector.items() <= labels.items()
        assert has(workload["spec"]["selector"]["matchLabels"])
        service = objects(variant, "Service")[0]
        assert has(service["spec"]["selector"])
        for policy in objects(variant, "NetworkPolicy"):
            assert has(policy["spec"]["podSelector"]["matchLabels"])
        for monitor in objects(variant, "ServiceMonitor"):
            assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        for job in objects(variant, "Job"):
            job_labels = job["spec"]["template"]["metadata"]["labels"]
            assert not service["spec"]["selector"].items() <= job_labels.items(), "the Service would take the Job for an instance"
        for container in (one for one in containers_of_flowsentry(variant) if one["name"] == "flowsentry"):
            names = next(one["value"] for one in container["env"] if one["name"] == "FLOWSENTRY__HTTP__NAMES")
            assert service["metadata"]["name"] in names.split(",")
            for probe, path in [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")]:
                assert container[probe]["httpGet"] == {"path": path, "port": "http"}, probe


def the_rules_in_the_cluster_are_those_of_prometheus():
    groups = objects("everything", "PrometheusRule")[0]["spec"]["groups"]
    files = [yaml.safe_load(path.read_text())["groups"] for path in sorted((DEPLOY / "prometheus/rules").glob("*.yaml"))]
    assert groups == [group for file in files for group in file] and len(groups) > 1
    if shutil.which("promtool") is None:
        return "promtool is not there: the rules were compared, not checked"
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"groups": groups}, file)
        file.flush()
        run("promtool", "check", "rules", file.name)
    # Rules and dashboards ask for this name.
    monitor = objects("everything", "ServiceMonitor")[0]["spec"]["endpoints"][0]
    assert {"targetLabel": "job", "replacement": "flowsentry"} in monitor["relabelings"]
    return None


def the_manifest_is_what_the_chart_makes():
    assert MANIFEST.read_text() == manifest(), f"{MANIFEST} is not what the chart makes: .ci/deploy --write"
    document = [one for one in yaml.safe_load_all(MANIFEST.read_text()) if one]
    assert document == objects() and not any("helm.sh/hook" in str(one) for one in document)


def the_versions_are_that_of_the_crate():
    version = re.search(r'(?m)^version = "(.*)"', pathlib.Path("Cargo.toml").read_text()).group(1)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == version and f"ARG VERSION={version}\n" in (DEPLOY / "Dockerfile").read_text()


def main():
    if "--write" in sys.argv[1:]:
        MANIFEST.write_text(manifest())
    checks = [one for name, one in globals().items() if callable(one) and getattr(one, "__module__", "") == "__main__"]
    first = checks.index(the_compose_file_is_one_by_the_schema)
    failed = 0
    for check in checks[first:-1]:
        what = check.__name__.replace("_", " ")
        try:
            print(f"  ok    {what}{'; ' + said if (said := check()) else ''}")
        except Exception as error:  # whatever it is, the others still tell something
            failed += 1
            print(f"  WRONG {what}: {type(error).__name__}: {error}")
    sys.exit(1 if failed else 0)


main()
