"""What is a secret is found; what is ordinary code is not."""

from __future__ import annotations

import base64
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.branch.secrets import find_secrets, is_secret_name

ALPHABET = string.ascii_letters + string.digits


def made_up(length: int, alphabet: str = ALPHABET, seed: int = 7) -> str:
    """Return a random string, the same at every run; no real key stands in this file."""
    return "".join(random.Random(seed).choices(alphabet, k=length))


PEM = "-----BEGIN {}PRIVATE KEY-----"
PLANTED = {
    "AWS key": "AKIA" + made_up(16, string.ascii_uppercase + string.digits),
    "GitHub token": "ghp_" + made_up(36),
    "GitLab token": "glpat-" + made_up(20),
    "Slack token": "xoxb-" + made_up(12, string.digits) + "-" + made_up(24),
    "Anthropic key": "sk-ant-api03-" + made_up(80),
    "OpenAI key": "sk-proj-" + made_up(48),
    "Stripe key": "sk_live_" + made_up(24),
    "Hugging Face token": "hf_" + made_up(34),
    "Google key": "AIza" + made_up(35),
    "npm token": "npm_" + made_up(36),
    "PyPI token": "pypi-AgEI" + made_up(60),
    "Databricks token": "dapi" + made_up(32, "0123456789abcdef"),
    "JSON web token": "eyJ" + made_up(20) + ".eyJ" + made_up(30) + "." + made_up(40),
}


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize("line", ["x = '{}'", "{}", "curl -H 'Authorization: Bearer {}'", '"source": ["\\"{}\\""]'])
def test_a_providers_key_is_found_wherever_it_stands(kind: str, line: str) -> None:
    secret = PLANTED[kind]
    assert find_secrets(b"import os\n" + line.format(secret).encode() + b"\n").get(secret.encode()) == kind


@pytest.mark.parametrize("algorithm", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\\n"])
def test_a_private_key_block_is_found(algorithm: str, newline: str) -> None:
    body = base64.b64encode(bytes(range(48))).decode()
    text = newline.join([PEM.format(algorithm), body, "-----END PRIVATE KEY-----"])
    assert find_secrets(text.encode()) == {body.encode(): "private key"}


@pytest.mark.parametrize(
    "line",
    [
        "password = '{}'",
        'DB_PASSWORD: "{}"',
        "api_key='{}',",
        '{{"client_secret": "{}"}}',
        "os.environ['WANDB_API_KEY'] = '{}'",
        "os.environ.setdefault('HF_TOKEN', '{}')",
        "export SECRET_KEY={}",
        "AWS_SECRET_ACCESS_KEY={}",
        "auth_token: {}",
        "key: str = 'x'; token: str = '{}'",
        "//registry.example.org/:_authToken={}",
    ],
)
@pytest.mark.parametrize(
    "value", [made_up(40), made_up(32, "0123456789abcdef"), "wJalrXUtnFEMI/K7MD9G/bPxRfiCYz3bQ1x0"]
)
def test_a_random_value_under_a_telling_name_is_found(line: str, value: str) -> None:
    assert value.encode() in find_secrets(line.format(value).encode())


def test_a_password_inside_a_url_is_found() -> None:
    assert find_secrets(b"postgresql://ada:h7-Qz_91x@db.example.org/runs") == {b"h7-Qz_91x": "password in a URL"}


@pytest.mark.parametrize(
    "line",
    [
        "token = tokenizer.decode(ids)",
        "password = os.environ['PASSWORD']",
        "api_key = settings.api_key_v2",
        "secret = '${SECRET_KEY_2024_PROD}'",
        "token = '<your-token-here-123>'",
        "api_key = 'your-api-key-1a2b3c4d'",
        "password: {{ vault_password_1a2b }}",
        "eos_token = '<|endoftext|>'",
        "special_tokens = ['[CLS]', '[SEP]']",
        "max_tokens=16384, token='microsoft/phi-mini'",
        "token_embedding = self.wte_layer_norm_forward",
        "sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'",
        "commit: 15f61e33bf1661ce39993257ecb61b83070001e9",
        "sort_key = 'validation_loss_epoch_12'",
        "key = jax.random.PRNGKey(0)",
        "secret_name = 'projects/p1/secrets/s2'",
        "if header == '-----BEGIN RSA PRIVATE KEY-----':",
        "postgresql://user:password@localhost/db",
        "https://example.org:8080/a@b",
        "class hf_wrapper_for_causal_language_models: ...",
        "<div class='sk-toggleable__content sk-estimator-doc-link'>",
    ],
)
def test_ordinary_code_is_no_secret(line: str) -> None:
    assert find_secrets(f"import os\n{line}\n".encode()) == {}


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_can_be_searched(data: bytes) -> None:
    assert all(secret in data for secret in find_secrets(data))


@settings(max_examples=60, deadline=None)
@given(st.text(ALPHABET, min_size=36, max_size=36), st.binary(max_size=200), st.binary(max_size=200))
def test_a_token_is_found_between_any_lines(token: str, before: bytes, after: bytes) -> None:
    secret = b"ghp_" + token.encode()
    found = find_secrets(before + b"\n" + secret + b"\n" + after)
    assert secret in found


@pytest.mark.parametrize(
    "name",
    """.env .env.local prod.env conf/.env.production id_rsa .ssh/config keys/server.pem tls.KEY cert.p12 .netrc
    .aws/credentials credentials.json gcp-service-account.json client_secret_123.json secrets.yaml
    app/.streamlit/secrets.toml db_password.txt .pypirc .git-credentials
    kaggle.json .docker/config.json refresh_token.json api_keys.csv kubeconfig token""".split(),
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    """train.py secrets.py credentials.py password_reset.py environment.yml env.py .env.example conf/.env.template
    id_rsa.pub tokenizer.json tokenizer_config.json special_tokens_map.json tokens.py keyboard.json monkey.txt
    keys.py README.md secretary.json .docker/Dockerfile token_counts.py public.key.md""".split(),
)
def test_names_of_ordinary_files(name: str) -> None:
    assert not is_secret_name(name)
