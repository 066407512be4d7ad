"""Clusters as users have: several nodes on loopback, behind TLS and passwords, from the engines' own recipes."""

import os
import re
import secrets
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rollup_bench.engines.cassandra import server as ring
from rollup_bench.engines.druid import server as roles
from rollup_bench.engines.spark import server as driver
from rollup_bench.errors import RequestError
from rollup_bench.servers import Connection, pins
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.native import NativeServer
from rollup_bench.servers.recipe import JavaProcess, Place, Recipe
from rollup_bench.servers.watch import Watch
from rollup_bench.streams import registry as brokers
from tests.support import gateway, tunnel

if TYPE_CHECKING:
    from cassandra.cluster import Session

BUDGET = Budget(cores=2, memory=3 << 30)
NODES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
CASSANDRA = {
    "cassandra.yaml": """
auto_bootstrap: false
phi_convict_threshold: 12
authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
client_encryption_options:
  {{enabled: true, optional: false, keystore: "{store}", keystore_password: "{word}", store_type: PKCS12}}
""",
    "jvm.options": f"\n-Dcassandra.ring_delay_ms=5000\n-Dcassandra.system_auth.default_rf={len(NODES)}\n",
}
"""What is added to each template."""

BROKERS = {
    "kafka": {
        "server.properties": """
listener.security.protocol.map=CLIENT:SASL_SSL,CONTROLLER:PLAINTEXT
ssl.keystore.type=PKCS12
ssl.keystore.location={store}
ssl.keystore.password={word}
ssl.truststore.type=PEM
ssl.truststore.location={pem}
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  username="{user}" password="{password}" user_{user}="{password}";
"""
    },
    "pulsar": {
        "standalone.conf": """
webServicePort=
brokerServicePort=
webServicePortTls=${{web}}
brokerServicePortTls=${{broker}}
tlsCertificateFilePath={pem}
tlsKeyFilePath={key}
tlsTrustCertsFilePath={pem}
brokerClientTlsEnabled=true
brokerClientTrustCertsFilePath={pem}
authenticationEnabled=true
authorizationEnabled=true
superUserRoles={user}
authenticationProviders=org.apache.pulsar.broker.authentication.AuthenticationProviderBasic
basicAuthConf={users}
brokerClientAuthenticationPlugin=org.apache.pulsar.client.impl.auth.AuthenticationBasic
brokerClientAuthenticationParameters={{"userId":"{user}","password":"{password}"}}
"""
    },
}
"""What is added to the templates of brokers."""

DRUID = {
    "router/runtime.properties": """
druid.enablePlaintextPort=false
druid.enableTlsPort=true
druid.tlsPort=${{router}}
druid.server.https.keyStorePath={store}
druid.server.https.keyStorePassword={word}
druid.server.https.keyStoreType=PKCS12
druid.server.https.certAlias=server
"""
}

SPARK = {"spark-defaults.conf": "spark.connect.authenticate.token {token}\n"}


@dataclass(frozen=True)
class Certificate:
    """For the addresses of all nodes, vouching for itself: as PEM, with its key, and both in a store under `word`."""

    pem: Path
    key: Path
    store: Path
    word: str


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs, and who uses it."""

    server: NativeServer
    user: Connection

    @property
    def environment(self) -> dict[str, str]:
        """What the user sets."""
        recipe, user = self.server.recipe, self.user
        where = user.url if recipe.address == "URL" else user.address
        where = f"sc://{where}" if "sc" in recipe.schemes else where
        login = [user.user, user.password][-len(recipe.login) :]
        found = {recipe.address: where, "CA": str(user.ca)} | dict(zip(recipe.login, map(str, login), strict=True))
        return {f"ROLLUP_BENCH_{recipe.name.upper()}_{key}": value for key, value in found.items()}


class _Server(NativeServer):
    """Whose nodes show a certificate."""

    def __init__(
        self, recipe: Recipe, home: Path, hosts: tuple[str, ...], shown: Certificate,
        user: str | None = None, password: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(recipe, home, BUDGET)
        self._hosts, self._shown, self._login = hosts, shown, (user, password)

    @property
    def connection(self) -> Connection:
        """With TLS, as nobody unless there is a user."""
        user, password = self._login
        known = super().connection
        return replace(known, hosts=self._hosts, tls=True, ca=self._shown.pem, user=user, password=password)


def certificate(folder: Path) -> Certificate:
    """A new one, by openssl."""
    folder.mkdir(parents=True)
    pem, key, store, word = folder / "ca.pem", folder / "key.pem", folder / "server.p12", secrets.token_hex()
    names = ",".join(f"IP:{host}" for host in NODES)
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    both = ["pkcs12", "-export", "-name", "server", "-passout", "env:word"]
    named = ["-subj", "/CN=loopback", "-addext", f"subjectAltName={names}"]
    for words in (
        [*new, *named, "-keyout", str(key), "-out", str(pem)],
        [*both, "-inkey", str(key), "-in", str(pem), "-out", str(store)],
    ):
        openssl = [shutil.which("openssl") or "openssl", *words]
        subprocess.run(openssl, env=os.environ | {"word": word}, capture_output=True, check=True)
    return Certificate(pem, key, store, word)


@contextmanager
def cassandra(home: Path, watch: Watch) -> Iterator[Cluster]:
    """Three nodes while inside, all new, and a user who may do what Cassandra's README says that one needs."""
    shown = certificate(home / "tls")
    recipe = replace(
        ring.RECIPE,
        folder=_extended(ring.RECIPE.folder, home / "recipes" / "cassandra", CASSANDRA, shown),
        ports=("cql", "storage", "jmx1", "jmx2", "jmx3"),
        stages=lambda place: _ring(place, shown),
    )
    with _Server(recipe, home, NODES, shown).running(watch) as server:
        yield Cluster(server, _granted(server.connection, watch))


@contextmanager
def druid(home: Path, watch: Watch) -> Iterator[Cluster]:
    """Two historicals, a router behind TLS, and a gateway that lets through what Druid's README lists, with a password.

    Druid's own passwords are in an extension that is not in Maven's repository.
    """
    shown = certificate(home / "tls")
    recipe = replace(
        roles.RECIPE,
        folder=_extended(roles.RECIPE.folder, home / "recipes" / "druid", DRUID, shown),
        ports=(*roles.RECIPE.ports, "historical2"),
        stages=lambda place: _roles(place, shown),
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown.pem, shown.key)
    user, password = f"u{secrets.token_hex(6)}", secrets.token_hex()
    listed = [re.compile(one) for one in _block(roles.RECIPE, "http").splitlines()]
    server = _Server(recipe, home, NODES[:1], shown)
    with server.running(watch), gateway.opened(server.connection, user, password, context, listed) as port:
        yield Cluster(server, replace(server.connection, port=port, user=user, password=password))


@contextmanager
def spark(home: Path, watch: Watch) -> Iterator[Cluster]:
    """A Connect server that demands a token, behind a tunnel, because it speaks no TLS itself."""
    shown, token = certificate(home / "tls"), secrets.token_hex()
    folder = _extended(driver.RECIPE.folder, home / "recipes" / "spark", SPARK, shown, token=token)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown.pem, shown.key)
    context.set_alpn_protocols(["h2"])
    started = NativeServer(replace(driver.RECIPE, folder=folder), home, BUDGET).running(watch)
    with started as server, tunnel.opened(server.connection, context) as port:
        yield Cluster(server, replace(server.connection, port=port, tls=True, ca=shown.pem, password=token))


STARTED = {"cassandra": cassandra, "druid": druid, "spark": spark}
"""How the cluster of each engine is started."""


@contextmanager
def broker(name: str, home: Path, watch: Watch) -> Iterator[Cluster]:
    """One node of a broker, new, which accepts only TLS and one user."""
    shown, known = certificate(home / "tls"), brokers.recipe(name)
    user, password = f"u{secrets.token_hex(6)}", secrets.token_hex()
    hashed = subprocess.run(
        [shutil.which("openssl") or "openssl", "passwd", "-apr1", "-stdin"],
        input=password, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    (home / "users").write_text(f"{user}:{hashed}\n")
    login = {"user": user, "password": password, "users": home / "users"}
    folder = _extended(known.folder, home / "recipes" / name, BROKERS[name], shown, **login)
    recipe = replace(known, folder=folder, stages=lambda place: [[_secured(known, place, shown, user, password)]])
    with _Server(recipe, home, NODES[:1], shown, user, password).running(watch) as server:
        yield Cluster(server, server.connection)


def _secured(known: Recipe, place: Place, shown: Certificate, user: str, password: str) -> JavaProcess:
    """The broker's only process, which is ready when it answers the user."""
    ((process,),) = known.stages(place)
    assert isinstance(process, JavaProcess)
    at = Connection(NODES[:1], place.ports[known.ports[0]], tls=True, ca=shown.pem, user=user, password=password)
    return replace(process, ready=lambda: known.answers(at))


def _ring(place: Place, shown: Certificate) -> list[list[JavaProcess]]:
    """The seed first."""
    seed, *others = (_node(place, number, host, shown) for number, host in enumerate(NODES, 1))
    return [[seed], others]


def _node(place: Place, number: int, host: str, shown: Certificate) -> JavaProcess:
    made = ring.node(place, f"node{number}", host, place.budget.memory // len(NODES))
    at = Connection((host,), place.ports["cql"], tls=True, ca=shown.pem)
    values = made.values | {"jmx": place.ports[f"jmx{number}"]}
    return replace(made, values=values, ready=lambda: ring.answers(at))


def _roles(place: Place, shown: Certificate) -> list[list[JavaProcess]]:
    """As ever, but for a second historical and a router that speaks only TLS."""
    first, others = roles.stages(place)
    data, port = place.data("historical2"), place.ports["historical2"]
    second = roles.role(replace(place, ports=place.ports | {"historical": port}), "historical")
    second = replace(second, name="historical2", values=second.values | {"data": data, "tmp": data / "tmp"})
    at = Connection(NODES[:1], place.ports["router"], tls=True, ca=shown.pem)
    ready = roles.READY["router"]
    return [
        first,
        [
            second,
            *(replace(one, ready=lambda: roles.healthy(at, ready)) if one.name == "router" else one for one in others),
        ],
    ]


def _granted(nobody: Connection, watch: Watch) -> Connection:
    """A user made by the statements of the README; the one that comes along gets a password that nobody knows."""
    user = replace(nobody, user=f"u{secrets.token_hex(6)}", password=secrets.token_hex())
    grants = _block(ring.RECIPE, "cql").replace("rollup_bench", str(user.user)).replace("...", str(user.password))
    _administer(
        nobody, [*grants.split(";\n")[:-1], f"ALTER ROLE cassandra WITH PASSWORD = '{secrets.token_hex()}'"], watch
    )
    return user


def _administer(nobody: Connection, statements: list[str], watch: Watch) -> None:
    """As the user that comes along, once every node lets it in and knows the others: a node answers before either."""
    comes_along = replace(nobody, user="cassandra", password="cassandra")
    for host in nobody.hosts:
        while not _joined(replace(comes_along, hosts=(host,))):
            watch.pause(0.5)
    with entered(comes_along) as session:
        for statement in statements:
            session.execute(statement)


def _joined(connection: Connection) -> bool:
    try:
        with entered(connection) as session:
            return len(session.cluster.metadata.all_hosts()) == len(NODES)
    except RequestError:
        return False


@contextmanager
def entered(connection: Connection) -> Iterator["Session"]:
    """A session of Cassandra's driver while inside."""
    from rollup_bench.engines.cassandra.driver import connect

    session = connect(connection)
    try:
        yield session
    finally:
        session.cluster.shutdown()


def _block(recipe: Recipe, language: str) -> str:
    """The one block of a language in an engine's README."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", (recipe.folder / "README.md").read_text("utf-8"), re.DOTALL)
    return str(block)


def _extended(engine: Path, target: Path, additions: Mapping[str, str], shown: Certificate, **values: object) -> Path:
    """A recipe's folder with more in its templates; what is said last holds."""
    shutil.copytree(engine / "conf", target / "conf")
    for listed in ("pom.xml", pins.FILE):
        shutil.copy(engine / listed, target)
    for name, text in additions.items():
        with (target / "conf" / name).open("a", encoding="utf-8") as file:
            file.write(text.format(**asdict(shown), **values))
    return target
