"""Beyond one machine: our embedding in `RayIngestionPipeline`, on a real local Ray cluster."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from llama_index.core import Document
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores import SimpleVectorStore

from llamaindex_portkey_mistral import PortkeyMistralEmbedding

pytestmark = [
    pytest.mark.full,
    pytest.mark.ray,
    pytest.mark.timeout(600),
    # Ray's own: files and sockets of the processes that it starts, and names that it will change.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

SUPPORT = Path(__file__).parents[1] / "support"
KEY = "sk-the-key-that-nobody-may-see"
SPLITTING = {"chunk_size": 64, "chunk_overlap": 0}
DOCUMENTS = [
    Document(
        text=" ".join(f"This is sentence {part} of document {number}." for part in range(20)),
        doc_id=f"d{number}",
    )
    for number in range(30)
]


# A busy machine is slow, not broken: Ray's own limits would give up on it, or kill what it counts as too big.
PATIENCE = {
    "RAY_gcs_server_port_wait_time_s": "120",
    "RAY_worker_register_timeout_seconds": "300",
    "RAY_health_check_failure_threshold": "60",
    "RAY_memory_monitor_refresh_ms": "0",
}
SWITCHES = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    import ray.data

    # Not TMPDIR: nox sets a deep one, and a path of more than 107 bytes is no socket's.
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (PATIENCE | SWITCHES).items():
            environment.setenv(name, value)
        _start(folder)
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield
        ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def _start(folder: str, *, tries: int = 4) -> None:
    """Start a cluster of our own. Ray gives a node half a minute, which no setting makes longer."""
    import ray

    for left in reversed(range(tries)):
        try:
            ray.init(
                address="local",  # never one that somebody else runs here
                num_cpus=2,
                include_dashboard=False,
                log_to_driver=False,
                object_store_memory=100_000_000,
                _node_ip_address="127.0.0.1",
                _temp_dir=folder,
                # The key is found by a worker in its environment, as on a cluster.
                runtime_env={
                    "env_vars": {
                        "MISTRAL_API_KEY": KEY,
                        "PYTHONPATH": str(SUPPORT),
                        "no_proxy": "127.0.0.1",
                    }
                },
            )
        except Exception as error:
            ray.shutdown()
            if not left or "timed out" not in str(error).lower():
                raise
        else:
            return


def on_ray(embedding: type[PortkeyMistralEmbedding], **fields):
    """Return the steps of a pipeline; `fields` are those of the embedding."""
    import ray.data
    from llama_index.ingestion.ray import RayTransformComponent

    # Fractions of a processor, so that a machine with two runs several workers.
    pool = {
        "batch_size": 15,
        "compute": ray.data.ActorPoolStrategy(size=2),
        "num_cpus": 0.25,
    }
    return [
        RayTransformComponent(kind, map_batches_kwargs=pool, transform_kwargs=arguments)
        for kind, arguments in ((SentenceSplitter, SPLITTING), (embedding, fields))
    ]


def found(nodes: Sequence[BaseNode]) -> list[tuple[str, str, list[float]]]:
    return sorted((node.ref_doc_id, node.get_content(), node.embedding) for node in nodes)


@pytest.fixture
def plain(embedding) -> list[tuple[str, str, list[float]]]:
    """What the same pipeline gives without Ray."""
    pipeline = IngestionPipeline(transformations=[SentenceSplitter(**SPLITTING), embedding])
    return found(pipeline.run(documents=DOCUMENTS))


def sent(bodies) -> Counter[str]:
    return Counter(text for body in bodies() for text in body["input"])


def test_results_equal_the_plain_pipeline_and_every_node_comes_once(
    plain, mistral_sandbox, mistral_sandbox_url, bodies
):
    from llama_index.ingestion.ray import RayIngestionPipeline

    mistral_sandbox.reset()
    pipeline = RayIngestionPipeline(
        transformations=on_ray(PortkeyMistralEmbedding, base_url=mistral_sandbox_url)
    )
    nodes = pipeline.run(documents=DOCUMENTS)
    assert found(nodes) == plain
    assert len({node.id_ for node in nodes}) == len(nodes)
    assert set(sent(bodies).values()) == {1}
    assert {each.headers["authorization"] for each in mistral_sandbox.requests} == {f"Bearer {KEY}"}


async def test_the_same_holds_for_arun_with_a_vector_store(plain, mistral_sandbox_url):
    from llama_index.ingestion.ray import RayIngestionPipeline

    store = SimpleVectorStore()
    pipeline = RayIngestionPipeline(
        transformations=on_ray(PortkeyMistralEmbedding, base_url=mistral_sandbox_url),
        vector_store=store,
    )
    assert found(await pipeline.arun(documents=DOCUMENTS)) == plain
    assert len(store.data.embedding_dict) == len(plain)


def test_a_worker_that_is_killed_loses_nothing_and_nothing_is_paid_twice(
    plain, mistral_sandbox, mistral_sandbox_url, bodies, tmp_path
):
    from llama_index.ingestion.ray import RayIngestionPipeline

    from ray_workers import MortalEmbedding

    mistral_sandbox.reset()
    grave = tmp_path / "grave"
    pipeline = RayIngestionPipeline(
        transformations=on_ray(
            MortalEmbedding,
            base_url=mistral_sandbox_url,
            embed_resume=str(tmp_path / "vectors.sqlite"),
            last_words="of document 17.",
            grave=str(grave),
        )
    )
    nodes = pipeline.run(documents=DOCUMENTS)
    assert grave.exists()
    assert found(nodes) == plain
    assert len({node.id_ for node in nodes}) == len(nodes)
    assert set(sent(bodies).values()) == {1}


def test_workers_continue_the_trace_that_is_given_as_headers(mistral_sandbox_url, tmp_path):
    from llama_index.ingestion.ray import RayIngestionPipeline

    from ray_workers import TracedEmbedding

    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    pipeline = RayIngestionPipeline(
        transformations=on_ray(
            TracedEmbedding,
            base_url=mistral_sandbox_url,
            default_headers={"traceparent": f"00-{trace}-{span}-01"},
            spans=str(tmp_path),
        )
    )
    assert pipeline.run(documents=DOCUMENTS)
    lines = [line for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    spans = [json.loads(line) for line in lines]
    calls = [each for each in spans if each["name"] == "embeddings mistral-embed"]
    assert calls
    assert {each["parent_id"] for each in calls} == {f"0x{span}"}
    assert {each["context"]["trace_id"] for each in spans} == {f"0x{trace}"}


def test_a_dataset_takes_the_finished_object(embedding, mistral_sandbox):
    import ray.data

    from ray_workers import EmbedPickled

    texts = [f"text number {number}" for number in range(40)]
    dataset = ray.data.from_items([{"text": text} for text in texts]).map_batches(
        EmbedPickled,
        fn_constructor_args=(embedding,),
        batch_size=10,
        compute=ray.data.ActorPoolStrategy(size=1),
    )
    vectors = {row["text"]: list(row["vector"]) for row in dataset.take_all()}
    assert vectors == {text: embedding.get_text_embedding(text) for text in texts}
