"""The PHP and XML files of a Magento module, written out of their names.

What Magento's own checks read is exact: the module list of config.php, the version in module.xml, the tables of db_schema.xml.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_COPYRIGHT = "/**\n * Copyright (c) Client. All rights reserved.\n */\n"


def config_php(modules: Mapping[str, int]) -> bytes:
    rows = "\n".join(f"        '{name}' => {enabled}," for name, enabled in modules.items())
    return (
        "<?php\nreturn [\n    'modules' => [\n"
        f"{rows}\n    ],\n"
        "    'system' => [\n        'default' => [\n"
        "            'dev' => ['static' => ['sign' => '1'], 'js' => ['merge_files' => '1', 'minify_files' => '1']],\n"
        "            'general' => ['locale' => ['code' => 'fr_FR', 'timezone' => 'Europe/Paris']],\n"
        "        ],\n    ],\n];\n"
    ).encode()


def registration(kind: str, name: str) -> bytes:
    return (
        f"<?php\n{_COPYRIGHT}use Magento\\Framework\\Component\\ComponentRegistrar;\n\n"
        f"ComponentRegistrar::register(ComponentRegistrar::{kind}, '{name}', __DIR__);\n"
    ).encode()


def module_xml(name: str, version: str) -> bytes:
    return (
        '<?xml version="1.0"?>\n'
        '<config xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:noNamespaceSchemaLocation="urn:magento:framework:Module/etc/module.xsd">\n'
        f'    <module name="{name}" setup_version="{version}">\n'
        '        <sequence>\n            <module name="Magento_Store"/>\n        </sequence>\n    </module>\n</config>\n'
    ).encode()


def di_xml(name: str) -> bytes:
    return (
        '<?xml version="1.0"?>\n'
        '<config xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:noNamespaceSchemaLocation="urn:magento:framework:ObjectManager/etc/config.xsd">\n'
        f'    <preference for="Client\\{name}\\Api\\{name}Interface" type="Client\\{name}\\Model\\{name}"/>\n</config>\n'
    ).encode()


def db_schema(table: str, columns: Iterable[str]) -> bytes:
    rows = "\n".join(
        f'        <column xsi:type="varchar" name="{column}" nullable="true" length="64" comment="{column}"/>' for column in columns
    )
    return (
        '<?xml version="1.0"?>\n'
        '<schema xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:noNamespaceSchemaLocation="urn:magento:framework:Setup/Declaration/Schema/etc/schema.xsd">\n'
        f'    <table name="{table}" resource="default" engine="innodb" comment="{table}">\n'
        '        <column xsi:type="int" name="entity_id" unsigned="true" nullable="false" identity="true" comment="Entity ID"/>\n'
        f"{rows}\n"
        '        <constraint xsi:type="primary" referenceId="PRIMARY"><column name="entity_id"/></constraint>\n    </table>\n</schema>\n'
    ).encode()


def model(namespace: str, name: str) -> bytes:
    return (
        f"<?php\n{_COPYRIGHT}declare(strict_types=1);\n\nnamespace {namespace}\\{name}\\Model;\n\n"
        f"class {name}\n{{\n    public function __construct(private readonly \\Psr\\Log\\LoggerInterface $logger)\n    {{\n    }}\n\n"
        f"    public function execute(): void\n    {{\n        $this->logger->debug('{name}');\n    }}\n}}\n"
    ).encode()


def block(namespace: str, name: str) -> bytes:
    return (
        f"<?php\n{_COPYRIGHT}declare(strict_types=1);\n\nnamespace {namespace}\\{name}\\Block;\n\n"
        f"class {name} extends \\Magento\\Framework\\View\\Element\\Template\n{{\n"
        f"    public function getTitle(): string\n    {{\n        return (string) __('{name}');\n    }}\n}}\n"
    ).encode()
