"""Asks botocore how it reads AWS profile files, and writes its answers to profiles.json beside this file.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install botocore==1.44.8
    /tmp/venv/bin/python tests/botocore/record.py

Nothing is sent anywhere: roles, tokens and the metadata service are noted and not asked.
`lib/provider/aws_kms/botocore_test.ts` compares Trousseau with the answers.
"""

import json
import os
import pathlib
import random
import sys
import tempfile

import botocore
from botocore import credentials
from botocore.session import Session

KEYS = "aws_access_key_id = AKIA1\naws_secret_access_key = s1\n"
OTHER = "aws_access_key_id = AKIA2\naws_secret_access_key = s2\n"
ROLE = "arn:aws:iam::111122223333:role/"


def role(name, more):
    return f"[profile {name}]\nrole_arn = {ROLE}{name}\n{more}\n"


# name: (profile, config, credentials); None for a file that is not named.
CASES = {
    # Forms of a field.
    "name = value": ("default", None, f"[default]\n{KEYS}"),
    "name: value": ("default", None, "[default]\naws_access_key_id: AKIA1\naws_secret_access_key: s1\n"),
    "name=value and name:value": ("default", None, "[default]\naws_access_key_id=AKIA1\naws_secret_access_key:s1\n"),
    "a value with both delimiters": ("a", f"[profile a]\nrole_arn: {ROLE}x=y\nsource_profile = b\n", f"[b]\n{KEYS}"),
    "a name in capitals": ("default", None, "[default]\nAWS_Access_Key_ID = AKIA1\nAws_Secret_Access_Key = s1\n"),
    "fields that are indented alike": (
        "default", None, "[default]\n    aws_access_key_id = AKIA1\n    aws_secret_access_key = s1\n"),
    "fields that are indented by a tab": (
        "default", None, "[default]\n\taws_access_key_id = AKIA1\n\taws_secret_access_key = s1\n"),
    "the second field indented further": (
        "default", None, "[default]\naws_access_key_id = AKIA1\n  aws_secret_access_key = s1\n"),
    "the second field indented less": (
        "default", None, "[default]\n    aws_access_key_id = AKIA1\n  aws_secret_access_key = s1\n"),
    "a section that is indented": ("default", None, f"  [default]\n{KEYS}"),
    "a section that is indented below a field": ("b", None, f"[a]\n{KEYS}  [b]\n{OTHER}"),
    "a value on the next line": (
        "default", None, "[default]\naws_access_key_id =\n  AKIA1\naws_secret_access_key = s1\n"),
    "a value over two lines": (
        "default", None, "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s1\n  s2\n"),
    "spaces behind a value": ("default", None, "[default]\naws_access_key_id = AKIA1  \naws_secret_access_key = s1\t\n"),
    "empty lines between fields": (
        "default", None, "\n\n[default]\n\naws_access_key_id = AKIA1\n\n\naws_secret_access_key = s1\n\n"),
    "lines of spaces between fields": (
        "default", None, "[default]\naws_access_key_id = AKIA1\n   \naws_secret_access_key = s1\n \t\n"),
    "lines that end with CR LF": ("default", None, f"[default]\n{KEYS}".replace("\n", "\r\n")),
    "lines that end with CR": ("default", None, f"[default]\n{KEYS}".replace("\n", "\r")),
    "no end of line at the end": ("default", None, f"[default]\n{KEYS}".rstrip()),
    "a byte order mark": ("default", None, f"\ufeff[default]\n{KEYS}"),
    "a secret key with = and + and /": (
        "default", None, "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = a+b/c==\n"),
    # Nested fields.
    "s3 = and fields below it": (
        "default", f"[default]\ns3 =\n  max_concurrent_requests = 20\n  addressing_style = path\n{KEYS}", None),
    "s3 = and fields below it, in a profile": (
        "a", f"[profile a]\nregion = x\ns3 =\n    signature_version = s3v4\n{KEYS}[profile b]\n{OTHER}", None),
    "s3 = at the end of the file": ("default", f"[default]\n{KEYS}s3 =\n", None),
    "s3 = and a line below it that is no field": ("default", f"[default]\n{KEYS}s3 =\n  nonsense\n", None),
    "s3 = and a field with a colon below it": ("default", f"[default]\n{KEYS}s3 =\n  a: b\n", None),
    "an empty line within nested fields": (
        "default", f"[default]\ns3 =\n  a = b\n\n  c = d\n{KEYS}", None),
    "a comment within nested fields": ("default", f"[default]\ns3 =\n  a = b\n  # c\n  c = d\n{KEYS}", None),
    # Comments.
    "comments by # and ;": ("default", None, f"# a\n; b\n[default]\n# c\n{KEYS}; d\n"),
    "a comment that is indented": ("default", None, f"[default]\n  # c\n{KEYS}  ; d\n"),
    "a comment behind a section": ("default", None, f"[default] # the first\n{KEYS}"),
    "a comment with a bracket behind a section": ("default", None, f"[default] # [the first]\n{KEYS}"),
    "a comment behind a value": (
        "default", None, "[default]\naws_access_key_id = AKIA1 # mine\naws_secret_access_key = s1\n"),
    "a ; comment behind a value": (
        "default", None, "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s1 ; mine\n"),
    "a comment behind source_profile": ("a", role("a", "source_profile = b # base"), f"[b]\n{KEYS}"),
    "# within a value": ("default", None, "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s#1\n"),
    # Names of sections.
    "[profile a]": ("a", f"[profile a]\n{KEYS}", None),
    '[profile "a"]': ("a", f'[profile "a"]\n{KEYS}', None),
    "[profile 'a']": ("a", f"[profile 'a']\n{KEYS}", None),
    "[profile   a]": ("a", f"[profile   a]\n{KEYS}", None),
    "[profile\ta]": ("a", f"[profile\ta]\n{KEYS}", None),
    "[ profile a ]": ("a", f"[ profile a ]\n{KEYS}", None),
    "[profile a ]": ("a", f"[profile a ]\n{KEYS}", None),
    "[a] in the config file": ("a", f"[a]\n{KEYS}", None),
    "[profile a] in the credentials file": ("a", None, f"[profile a]\n{KEYS}"),
    '["a"] in the credentials file': ("a", None, f'["a"]\n{KEYS}'),
    "[ a ] in the credentials file": ("a", None, f"[ a ]\n{KEYS}"),
    "[profiles a]": ("a", f"[profiles a]\n{KEYS}", None),
    "[profile-a]": ("a", f"[profile-a]\n{KEYS}", None),
    "[profile a b]": ("a", f"[profile a b]\n{KEYS}", None),
    '[profile "a] without its end': ("a", f'[profile "a]\n{KEYS}', None),
    "[Profile a]": ("a", f"[Profile a]\n{KEYS}", None),
    "[profile A]": ("a", f"[profile A]\n{KEYS}", None),
    "[profile a\\b]": ("ab", f"[profile a\\b]\n{KEYS}", None),
    '[profile "a\\b"]': ("a\\b", f'[profile "a\\b"]\n{KEYS}', None),
    'a source with a space, [profile "b c"]': (
        "a", role("a", "source_profile = b c") + f'[profile "b c"]\n{KEYS}', None),
    "[profile default]": ("default", f"[profile default]\n{KEYS}", None),
    "[default] and [profile default]": ("default", f"[default]\n{KEYS}[profile default]\n{OTHER}", None),
    "[profile default] and [default]": ("default", f"[profile default]\n{KEYS}[default]\n{OTHER}", None),
    '[profile a] and [profile "a"]': ("a", f'[profile a]\n{KEYS}[profile "a"]\n{OTHER}', None),
    '[profile a] with keys and an empty [profile "a"]': ("a", f'[profile a]\n{KEYS}[profile "a"]\n', None),
    "[DEFAULT]": ("default", None, f"[DEFAULT]\n{KEYS}"),
    "[DEFAULT] beside a profile": ("a", None, f"[DEFAULT]\n{KEYS}[a]\nregion = x\n"),
    "[DEFAULT] beside a profile with keys": ("a", None, f"[DEFAULT]\n{KEYS}[a]\n{OTHER}"),
    "[sso-session corp] and [services x] beside a profile": (
        "a", f"[sso-session corp]\nsso_region = x\n[services x]\nkms =\n  endpoint_url = y\n[profile a]\n{KEYS}", None),
    "[profile a] that is its own sso-session": ("a", f"[sso-session a]\n{KEYS}", None),
    "brackets within a section": ("a]", None, f"[a]]\n{KEYS}"),
    "a section without its end": ("a", None, f"[a\n{KEYS}"),
    "an empty section": ("a", None, f"[]\n{KEYS}"),
    # Twice.
    "one section twice": ("a", None, "[a]\naws_access_key_id = AKIA1\n[b]\n[a]\naws_secret_access_key = s1\n"),
    "one field twice": ("a", None, f"[a]\n{KEYS}aws_access_key_id = AKIA2\n"),
    "one field twice, in another case": ("a", None, f"[a]\n{KEYS}AWS_ACCESS_KEY_ID = AKIA2\n"),
    "one field twice in another section": ("a", None, f"[a]\n{KEYS}[b]\nx = 1\nx = 2\n"),
    # Lines that are nothing.
    "a field before the first section": ("a", None, f"x = 1\n[a]\n{KEYS}"),
    "a line that is nothing": ("a", None, f"[a]\n{KEYS}nonsense\n"),
    "a field without a name": ("a", None, f"[a]\n{KEYS}= 1\n"),
    "a field without a name, with a colon": ("a", None, f"[a]\n{KEYS}: 1\n"),
    "an empty file": ("a", None, ""),
    # Empty values.
    "an empty session token": ("a", None, f"[a]\n{KEYS}aws_session_token =\n"),
    "an empty access key ID": ("a", None, "[a]\naws_access_key_id =\naws_secret_access_key = s1\n"),
    "an empty secret": ("a", None, "[a]\naws_access_key_id = AKIA1\naws_secret_access_key =\n"),
    "an empty role_arn beside keys": ("a", f"[profile a]\nrole_arn =\n{KEYS}", None),
    "an empty source_profile": ("a", role("a", "source_profile ="), f"[b]\n{KEYS}"),
    "an empty external_id": ("a", role("a", "source_profile = b\nexternal_id ="), f"[b]\n{KEYS}"),
    "an empty web_identity_token_file beside a role and keys": (
        "a", role("a", f"web_identity_token_file =\nsource_profile = b\n{OTHER}"), f"[b]\n{KEYS}"),
    "an empty region": ("a", f"[profile a]\nregion =\n{KEYS}", None),
    # Which file goes first.
    "keys in both files": ("a", f"[profile a]\n{KEYS}", f"[a]\n{OTHER}"),
    "a token in the config file, keys in the credentials file": (
        "a", "[profile a]\naws_session_token = t\n", f"[a]\n{KEYS}"),
    "half a key in each file": ("a", "[profile a]\naws_secret_access_key = s1\n", "[a]\naws_access_key_id = AKIA1\n"),
    "keys beside a role in the other file": (
        "a", role("a", "source_profile = b"), f"[a]\n{OTHER}[b]\n{KEYS}"),
    "a role in the credentials file": (
        "a", None, f"[a]\nrole_arn = {ROLE}a\nsource_profile = b\n[b]\n{KEYS}"),
    "aws_security_token": ("a", None, f"[a]\n{KEYS}aws_security_token = old\n"),
    "aws_security_token and aws_session_token": (
        "a", None, f"[a]\n{KEYS}aws_session_token = new\naws_security_token = old\n"),
    # Where credentials come from.
    "an access key ID alone": ("a", None, "[a]\naws_access_key_id = AKIA1\n"),
    "a secret alone": ("a", None, "[a]\naws_secret_access_key = s1\n"),
    "nothing": ("a", "[profile a]\nregion = x\n", None),
    "a profile that is not there": ("a", "[profile b]\n", None),
    "a role with a source": ("a", role("a", "source_profile = b\nexternal_id = x1\nrole_session_name = n1"), f"[b]\n{KEYS}"),
    "a role with a role for its source": (
        "a", role("a", "source_profile = b") + role("b", "source_profile = c"), f"[c]\n{KEYS}"),
    "a source with keys and a role": (
        "a", role("a", "source_profile = b") + role("b", f"source_profile = c\n{OTHER}"), f"[c]\n{KEYS}"),
    "a role that is its own source": ("a", role("a", f"source_profile = a\n{KEYS}"), None),
    "a role that is its own source, without keys": ("a", role("a", "source_profile = a"), None),
    "a circle": ("a", role("a", "source_profile = b") + role("b", "source_profile = a"), None),
    "a circle that ends at keys": (
        "a", role("a", f"source_profile = b\n{KEYS}") + role("b", "source_profile = a"), None),
    "a source that is not there": ("a", role("a", "source_profile = b"), None),
    "a source that is empty": ("a", role("a", "source_profile = b") + "[profile b]\nregion = x\n", None),
    "a role without a source": ("a", role("a", ""), None),
    "a role with keys and without a source": ("a", role("a", KEYS), None),
    "the machine's role": ("a", role("a", "credential_source = Ec2InstanceMetadata"), None),
    "the machine's role, in another case": ("a", role("a", "credential_source = ec2instancemetadata"), None),
    "the environment for a source": ("a", role("a", "credential_source = Environment"), None),
    "the container for a source": ("a", role("a", "credential_source = EcsContainer"), None),
    "a source that nobody knows": ("a", role("a", "credential_source = Nothing"), None),
    "both kinds of source": (
        "a", role("a", "credential_source = Ec2InstanceMetadata\nsource_profile = b"), f"[b]\n{KEYS}"),
    "a web identity": ("a", role("a", "web_identity_token_file = /run/token"), None),
    "a web identity beside keys": ("a", role("a", f"web_identity_token_file = /run/token\n{KEYS}"), None),
    "a web identity for a source": (
        "a", role("a", "source_profile = b") + role("b", "web_identity_token_file = /run/token\nrole_session_name = n1"),
        None),
    "a web identity without a role": ("a", "[profile a]\nweb_identity_token_file = /run/token\n", None),
    "a web identity without a role beside keys": (
        "a", f"[profile a]\nweb_identity_token_file = /run/token\n{KEYS}", None),
    "a process": ("a", "[profile a]\ncredential_process = /bin/false\n", None),
    "a process beside keys": ("a", f"[profile a]\ncredential_process = /bin/false\n{KEYS}", None),
    "a process beside keys in the credentials file": (
        "a", "[profile a]\ncredential_process = /bin/false\n", f"[a]\n{KEYS}"),
    "a process beside a role": ("a", role("a", "source_profile = b\ncredential_process = /bin/false"), f"[b]\n{KEYS}"),
    "a process for a source": (
        "a", role("a", "source_profile = b") + "[profile b]\ncredential_process = /bin/false\n", None),
    "a browser": ("a", "[profile a]\nsso_session = c\nsso_account_id = 1\nsso_role_name = r\n", None),
    "a browser's session alone, beside keys": ("a", f"[profile a]\nsso_session = c\n{KEYS}", None),
    "a browser beside keys": ("a", f"[profile a]\nsso_account_id = 1\nsso_role_name = r\nsso_start_url = u\nsso_region = x\n{KEYS}", None),
    "a login of the console": ("a", "[profile a]\nlogin_session = arn:aws:iam::1:user/x\n", None),
    "a code for a role": ("a", role("a", "source_profile = b\nmfa_serial = x"), f"[b]\n{KEYS}"),
    "a code beside keys": ("a", None, f"[a]\nmfa_serial = x\n{KEYS}"),
    "a code that is empty": ("a", role("a", "source_profile = b\nmfa_serial ="), f"[b]\n{KEYS}"),
}

HEADERS = [
    "[default]", "[a]", "[profile a]", '[profile "a"]', "[profile   a]", "[ profile a ]", "[profile b]", "[b]", "[DEFAULT]",
    "[sso-session a]", "[profile default]",
]

# At most one of each row in a section.
FIELDS = [
    ["aws_access_key_id = AKIA1", "aws_access_key_id: AKIA2", "AWS_ACCESS_KEY_ID=AKIA3"],
    ["aws_secret_access_key = s1", "aws_secret_access_key:s2"],
    ["aws_session_token = t1", "Aws_Session_Token: t2", "aws_session_token =", "aws_security_token = t3"],
    [f"role_arn = {ROLE}a", f"role_arn: {ROLE}b", "role_arn ="],
    ["source_profile = b", "source_profile = a", "source_profile=default", "source_profile: b"],
    ["credential_source = Ec2InstanceMetadata"],
    ["web_identity_token_file = /run/token"],
    ["external_id = x1", "external_id: x2"],
    ["role_session_name = n1"],
    ["s3 =\n  a = b", "s3 =\n    a = b\n\n    c = d", "s3 ="],
    ["region = eu-central-1", "region: x", "output=json"],
    ["# comment"], ["; comment"], ["  # comment"], [""],
    ["mfa_serial = x"],
]
WEIGHTS = [9, 9, 2, 4, 4, 1, 1, 1, 1, 2, 3, 1, 1, 1, 2, 1]
NOISE = ["nonsense", "x = y", "  x = y", "\tregion = z", "= 1", *HEADERS, *[row[0] for row in FIELDS]]


def texts(rnd):
    """A text of the form, mostly good."""
    lines = []
    for section in rnd.sample(HEADERS, rnd.randint(1, 4)):
        lines.append(section)
        indent = rnd.choice(["", "", "", "  ", "\t"])
        rows = [row for row, weight in zip(FIELDS, WEIGHTS) if rnd.random() < weight / 14]
        rnd.shuffle(rows)
        lines += [indent + rnd.choice(row).replace("\n", "\n" + indent) for row in rows]
    if rnd.random() < 0.2:
        lines.insert(rnd.randint(0, len(lines)), rnd.choice(NOISE))
    return rnd.choice(["\n", "\n", "\n", "\r\n"]).join(lines) + "\n"


def generated(seed, count):
    rnd = random.Random(seed)
    for index in range(count):
        config = texts(rnd) if rnd.random() < 0.85 else None
        written = texts(rnd) if config is None or rnd.random() < 0.6 else None
        yield f"generated {index}", (rnd.choice(["a", "a", "b", "default"]), config, written)


class Machine(credentials.CredentialProvider):
    """Replaces a credential provider that would use the network or the environment."""

    def __init__(self, name):
        super().__init__()
        self.CANONICAL_NAME = name
        self.METHOD = name

    def load(self):
        return credentials.Credentials("unused", "unused", method=self.METHOD)


def told(found):
    """Credentials as data."""
    fetcher = getattr(getattr(found, "_refresh_using", None), "__self__", None)
    if isinstance(fetcher, credentials.AssumeRoleCredentialFetcher):
        source = told(fetcher._source_credentials)
        if "SerialNumber" in fetcher._assume_kwargs:
            return {"refused": "asks for a code"}
        if "refused" in source:
            return source
        step = {"roleArn": fetcher._role_arn}
        for key, name in (("RoleSessionName", "sessionName"), ("ExternalId", "externalId")):
            if key in fetcher._assume_kwargs and not (key == "RoleSessionName" and fetcher._using_default_session_name):
                step[name] = fetcher._assume_kwargs[key]
        return {"base": source["base"], "roles": source["roles"] + [step]}
    if isinstance(fetcher, credentials.AssumeRoleWithWebIdentityCredentialFetcher):
        base = {"roleArn": fetcher._role_arn, "tokenFile": fetcher._web_identity_token_loader._web_identity_token_path}
        if not fetcher._using_default_session_name:
            base["sessionName"] = fetcher._assume_kwargs["RoleSessionName"]
        return {"base": base, "roles": []}
    if found.method == "Ec2InstanceMetadata":
        return {"base": "machine", "roles": []}
    if found.method in ("shared-credentials-file", "config-file"):
        keys = {"accessKeyId": found.access_key, "secretAccessKey": found.secret_key}
        return {"base": keys | ({"sessionToken": found.token} if found.token else {}), "roles": []}
    return {"refused": f"comes from {found.method}"}


def asked(profile, config, written):
    with tempfile.TemporaryDirectory() as folder:
        for variable, text in (("AWS_CONFIG_FILE", config), ("AWS_SHARED_CREDENTIALS_FILE", written)):
            path = os.path.join(folder, variable)
            os.environ[variable] = path
            if text is not None:
                pathlib.Path(path).write_bytes(text.encode())
        try:
            session = Session(profile=profile)
            session.get_scoped_config()
            resolver = credentials.create_credential_resolver(session)
            drop = ("env", "ec2-credentials-file", "boto-config", "container-role", "iam-role")
            resolver.providers = [one for one in resolver.providers if one.METHOD not in drop]
            machines = [Machine(name) for name in ("Environment", "EcsContainer", "Ec2InstanceMetadata")]
            for one in resolver.providers:
                if isinstance(one, credentials.AssumeRoleProvider):
                    one._credential_sourcer = credentials.CanonicalNameCredentialSourcer(machines)
            found = resolver.load_credentials()
        except Exception as error:
            return {"refused": type(error).__name__}
        return {"refused": "nothing found"} if found is None else told(found)


def processed(_provider, _process):
    return {"access_key": "unused", "secret_key": "unused", "token": None, "expiry_time": None, "account_id": None}


def main():
    credentials.ProcessProvider._retrieve_credentials_using = processed
    for variable in [name for name in os.environ if name.startswith(("AWS_", "BOTO"))]:
        del os.environ[variable]
    os.environ["HOME"] = "/nonexistent"
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    out = sys.argv[3] if len(sys.argv) > 3 else str(pathlib.Path(__file__).with_name("profiles.json"))
    cases = []
    for name, (profile, config, written) in [*CASES.items(), *generated(seed, count)]:
        files = {key: text for key, text in (("config", config), ("credentials", written)) if text is not None}
        cases.append({"name": name, "profile": profile, **files, "botocore": asked(profile, config, written)})
    document = {"botocore": botocore.__version__, "python": sys.version.split()[0], "cases": cases}
    rows = ",\n".join("    " + json.dumps(case) for case in cases)
    head = json.dumps({key: document[key] for key in ("botocore", "python")}, indent=2)[:-2]
    pathlib.Path(out).write_text(f'{head},\n  "cases": [\n{rows}\n  ]\n}}\n')


main()
