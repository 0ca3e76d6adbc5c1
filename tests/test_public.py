"""The public names are exactly what is exported, and each says what it is."""

import inspect

import mdlcode


def test_every_public_name_is_there_and_documented() -> None:
    assert mdlcode.__all__ == sorted(mdlcode.__all__)
    assert set(mdlcode.__all__) == set(mdlcode._HOME_OF)
    for name in mdlcode.__all__:
        thing = getattr(mdlcode, name)
        assert inspect.getdoc(thing), name


def test_readme_lines_of_python() -> None:
    data = mdlcode.load("digits", mdlcode.View(limit=60))
    code = mdlcode.Prequential((mdlcode.NetLearner(arch="mlp", training=mdlcode.Steps(min_steps=5)),))
    assert code.codelength(data).total_bits > 0
    assert (code.decode(data.shared, code.encode(data)) == data.labels).all()
    assert [result.code for result in mdlcode.compare(data, [code, "uniform"])] == ["prequential", "uniform"]
