//! The files for containers, read as what they are for reads them: Kubernetes' own schemas, and the
//! gateway the configuration that is in them.

use crate::harness::{Site, private, skipped};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const POD: &str = "packaging/kubernetes/hubgate.yaml";
const COMPOSE: &str = "packaging/container/compose.yaml";

/// A program that `tests/tools/judges` installs.
pub fn tool(name: &str) -> Option<PathBuf> {
    // Written when all is there.
    if at(".cache/judges/contents").exists() {
        return Some(at(".cache/judges/bin").join(name));
    }
    skipped(&format!("`{name}` is not installed"));
    None
}

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The documents of a file of YAML.
fn documents(path: &str) -> Option<Vec<Value>> {
    let script = "import json, sys, yaml; \
                  print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let read = Command::new(tool("python")?)
        .args(["-c", script])
        .arg(at(path))
        .output()
        .unwrap();
    assert!(read.status.success(), "{}", text(&read.stderr));
    Some(serde_json::from_slice(&read.stdout).unwrap())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn one<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<&Value> = documents.iter().filter(|it| it["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "of kind {kind}");
    found[0]
}

#[test]
fn kubernetes_knows_every_field_of_its_manifests() {
    let Some(judge) = tool("kubernetes-validate") else {
        return;
    };
    let judged = |path: &Path| -> Output {
        let mut command = Command::new(&judge);
        command.arg("--strict").arg(path).output().unwrap()
    };
    let right = judged(&at(POD));
    assert!(right.status.success(), "{}", text(&right.stderr));

    let place = tempfile::tempdir().unwrap();
    let spoilt = std::fs::read_to_string(at(POD)).unwrap();
    let spoilt = spoilt.replace("readOnlyRootFilesystem", "readOnlyRootFilesytem");
    std::fs::write(place.path().join("spoilt.yaml"), spoilt).unwrap();
    let wrong = judged(&place.path().join("spoilt.yaml"));
    assert!(!wrong.status.success(), "a field that is none is taken");
}

#[test]
fn what_selects_the_pod_in_kubernetes_means_it() {
    let Some(documents) = documents(POD) else {
        return;
    };
    let set = &one(&documents, "StatefulSet")["spec"];
    let labels = set["template"]["metadata"]["labels"].as_object().unwrap();
    assert_eq!(set["selector"]["matchLabels"].as_object(), Some(labels));
    for (kind, selector) in [
        ("PodDisruptionBudget", "/spec/selector/matchLabels"),
        ("NetworkPolicy", "/spec/podSelector/matchLabels"),
    ] {
        let selected = one(&documents, kind).pointer(selector).unwrap();
        assert_eq!(selected.as_object(), Some(labels), "{kind}");
    }
    let services: Vec<&Value> = documents
        .iter()
        .filter(|it| it["kind"] == "Service")
        .collect();
    assert_eq!(services.len(), 2);
    let ports = set["template"]["spec"]["containers"][0]["ports"]
        .as_array()
        .unwrap();
    for service in services {
        assert_eq!(service["spec"]["selector"].as_object(), Some(labels));
        for port in service["spec"]["ports"].as_array().unwrap() {
            let target = &port["targetPort"];
            assert!(ports.iter().any(|it| it["name"] == *target), "{target}");
        }
    }
    let names: Vec<&Value> = documents.iter().map(|it| &it["metadata"]["name"]).collect();
    assert!(names.contains(&&set["serviceName"]));
    // A budget that a node can be drained with, though there is one pod.
    assert_eq!(set["replicas"], 1);
    let budget = &one(&documents, "PodDisruptionBudget")["spec"];
    assert_eq!(budget["maxUnavailable"], 1);
}

#[test]
fn what_the_config_map_says_is_right_and_its_ports_are_those_of_the_pod() {
    let Some(documents) = documents(POD) else {
        return;
    };
    let site = Site::new();
    let config = one(&documents, "ConfigMap")["data"].as_object().unwrap();
    std::fs::create_dir(site.path("conf.d")).unwrap();
    let moved =
        |text: &str| text.replace("/etc/hubgate/", &format!("{}/", site.path("").display()));
    for (name, text) in config {
        let path = site.path("conf.d").join(name);
        std::fs::write(path, moved(text.as_str().unwrap())).unwrap();
    }
    let own = std::fs::read_to_string(at("packaging/container/hubgate.toml")).unwrap();
    site.write(&moved(&own));
    lay_secrets(&site);

    let file = site.path("hubgate.toml");
    let checked = Command::new(env!("CARGO_BIN_EXE_hubgate"))
        .args(["check", "--config", file.to_str().unwrap()])
        .env("CREDENTIALS_DIRECTORY", site.path("secrets"))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    // What it says of this machine is no matter of the file's.
    let said = text(&checked.stderr);
    let mut warnings = said
        .lines()
        .filter(|line| !line.contains("the system lets a process have"));
    assert_eq!(warnings.next(), None);

    let pod = &one(&documents, "StatefulSet")["spec"]["template"]["spec"];
    let said: String = config.values().filter_map(Value::as_str).collect();
    for port in pod["containers"][0]["ports"].as_array().unwrap() {
        let address = format!("address = \"[::]:{}\"", port["containerPort"]);
        assert!(said.contains(&address), "nothing listens at {address}");
    }
}

/// What a reader of the manifest is told to make.
fn lay_secrets(site: &Site) {
    for place in ["secrets", "certs"] {
        std::fs::create_dir(site.path(place)).unwrap();
    }
    for name in ["jira-hook", "admin-token"] {
        let path = site.path("secrets").join(name);
        std::fs::write(&path, "0123456789abcdef0123456789abcdef").unwrap();
        private(&path);
    }
    let made = rcgen::generate_simple_self_signed(vec!["hooks.example.com".to_owned()]).unwrap();
    std::fs::write(site.path("certs/tls.crt"), made.cert.pem()).unwrap();
    let key = site.path("certs/tls.key");
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    private(&key);
}

#[test]
fn in_kubernetes_and_with_compose_it_is_locked_in() {
    let (Some(pod), Some(compose)) = (documents(POD), documents(COMPOSE)) else {
        return;
    };
    let image = std::fs::read_to_string(at("packaging/container/Containerfile")).unwrap();
    let pod = &one(&pod, "StatefulSet")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let user = &pod["securityContext"];
    assert_eq!(user["runAsNonRoot"], true);
    assert!(image.contains(&format!("\nUSER {0}:{0}\n", user["runAsUser"])));
    assert_eq!(user["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["automountServiceAccountToken"], false);
    let locks = &container["securityContext"];
    assert_eq!(locks["allowPrivilegeEscalation"], false);
    assert_eq!(locks["readOnlyRootFilesystem"], true);
    assert_eq!(locks["capabilities"], serde_json::json!({"drop": ["ALL"]}));
    for (probe, path) in [
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
        ("startupProbe", "/healthz"),
    ] {
        assert_eq!(container[probe]["httpGet"]["path"], path, "{probe}");
        assert_eq!(container[probe]["httpGet"]["port"], "admin", "{probe}");
    }

    let service = &compose[0]["services"]["hubgate"];
    assert_eq!(service["read_only"], true);
    assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]));
    assert_eq!(
        service["security_opt"],
        serde_json::json!(["no-new-privileges:true"])
    );
    // Every place that the image says is written is kept, or goes with the container.
    for mount in service["volumes"].as_array().unwrap() {
        let mount = mount.as_str().unwrap();
        let kept = mount == "state:/var/lib/hubgate";
        assert!(kept || mount.ends_with(":ro"), "{mount} can be written");
    }
}
